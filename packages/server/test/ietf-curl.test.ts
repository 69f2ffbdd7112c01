/** curl, unmodified: the transcript of docs/ietf.md. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { KiB, RunningNode, sha256, someBytes } from './running-node.ts';

test('the commands of docs/ietf.md, as they stand', async () => {
  await using node = await RunningNode.start();
  const text = await readFile(new URL('../../../docs/ietf.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
  expect(blocks.length).toBeGreaterThan(3);
  const bytes = someBytes(20 * 1024 * KiB);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-curl-'));
  try {
    const film = join(dir, 'my film & more.mp4');
    await writeFile(film, bytes);
    const env = { PATH: process.env['PATH'], URL: node.url, FILE: film };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], { env });
    const answers = [...stdout.matchAll(/\{[^{}]*\}/g)].map((match) => JSON.parse(match[0]));
    expect(answers).toEqual([
      expect.objectContaining({ state: 'completed', filename: 'film.mp4', sha256: sha256(bytes) }),
      expect.objectContaining({ state: 'completed', sha256: sha256(bytes) }),
    ]);
    const lines = stdout.replaceAll('\r', '').split('\n');
    const interim = lines.findIndex((line) => line.startsWith('HTTP/1.1 104'));
    expect(lines.slice(interim + 1, interim + 4)).toEqual([
      expect.stringMatching(/^Location: \/ietf-files\/[0-9a-f-]{36}$/),
      expect.stringMatching(/^Upload-Limit: max-size=1099511627776, max-age=8639\d$/),
      'Upload-Draft-Interop-Version: 8',
    ]);
    expect(lines.filter((line) => /^Upload-Offset: \d+$/.test(line)).length).toBeGreaterThanOrEqual(2);
    for (const line of ['HTTP/1.1 200 OK', 'upload-complete: ?1', 'HTTP/1.1 204 No Content', 'upload-offset: 1000000'])
      expect(lines).toContain(line);
  } finally {
    await rm(dir, { recursive: true });
  }
});
