/** Films that came in before there was ffmpeg: processed once it is there, without anybody asking (C18). */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { ffmpeg } from './media-samples.ts';
import { chunkBytes, RunningNode, sha256 } from './running-node.ts';
import { eventually } from './webhook-receiver.ts';

test('C18 a film that came in without ffmpeg is processed by a node that has it, and says until then what is missing', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-lacking-'));
  const config = { pipeline: true, mediaConcurrency: 2 };
  const film = join(dataDir, 'film.mp4');
  await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=10:d=2', film]);
  const bytes = await readFile(film);
  const runs = async (node: RunningNode) =>
    (await node.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`)).body.items;
  const states = async (node: RunningNode) => (await runs(node)).map((run) => run.state);
  const stepsOf = async (node: RunningNode) => new Map((await runs(node))[0]?.steps.map((step) => [step.name, step]));
  try {
    const without = await RunningNode.start({ dataDir, config: { ...config, ffmpegPath: '/nonexistent' } });
    try {
      const upload = await without.create({ size: bytes.length, filename: 'film.mp4', chunkSize: chunkBytes });
      for (let index = 0; index * chunkBytes < bytes.length; index += 1)
        await without.put(upload.id, index, bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes));
      await eventually(() => states(without)).toEqual(['succeeded']);
      const steps = await stepsOf(without);
      expect([...new Set([...steps.values()].map((step) => step.state))]).toEqual(['skipped']);
      const reason = steps.get('probe')?.reason ?? '';
      expect(reason).toMatch(/ffmpeg was not found .* install it/);
      // The reason itself, however long the way to it.
      expect(steps.get('logline_generator')?.reason).toBe(`It needs summarize_scene, which was skipped: ${reason}`);
    } finally {
      await without.stop();
    }
    const log: string[] = [];
    const withTools = await RunningNode.start({
      dataDir,
      config: { ...config, logLevel: 'info' },
      log: (line) => log.push(line),
    });
    try {
      await expect
        .poll(async () => (await stepsOf(withTools)).get('logline_generator')?.state, {
          timeout: 60_000,
          interval: 200,
        })
        .toBe('succeeded');
      expect(log.join('\n')).toContain('steps that were skipped for want of media tools are done now');
    } finally {
      await withTools.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}, 120_000);
