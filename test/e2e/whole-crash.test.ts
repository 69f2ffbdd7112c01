/** A1, A2: small files that come in one request, whatever point the process dies at: what was answered is there, the rest can be sent again. */
import { createHash, randomBytes } from 'node:crypto';
import type { Upload, UploadList } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { crashPointNames } from '../../packages/server/src/core/ports/crash-points.ts';
import { holdfast, ServerProcess } from './server-process.ts';

const points = crashPointNames.filter((name) => /^(?:receipt|completion):/.test(name));

interface File {
  readonly name: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

function newFile(name: string): File {
  const bytes = randomBytes(1 + (randomBytes(2).readUInt16LE() % 60_000));
  return { name, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Both ways in: the native one, and tus with its creation. Resolves to the id; null when the server died. */
async function send(url: string, { name, bytes }: File, at: number): Promise<string | null> {
  const native = at % 2 === 0;
  const headers = native
    ? { 'content-type': 'application/octet-stream' }
    : {
        'content-type': 'application/offset+octet-stream',
        'tus-resumable': '1.0.0',
        'upload-length': String(bytes.length),
        'upload-metadata': `filename ${Buffer.from(name).toString('base64')}`,
      };
  const path = native ? `/v1/uploads/whole?filename=${name}` : '/files';
  const answer = await fetch(url + path, { method: 'POST', headers, body: new Uint8Array(bytes) }).catch(() => null);
  if (answer === null) return null;
  expect(answer.status, name).toBe(201);
  return answer.headers.get('location')?.split('/').at(-1) ?? null;
}

test.each(['committed', 'synced'])(
  'killed at every point of a file in one request, durability %s',
  async (durability) => {
    await using server = await ServerProcess.start({
      args: ['--no-pipeline', '--durability', durability],
      env: { HOLDFAST_RESERVE_MB: '0' },
    });
    const files = new Map<string, File>();
    const ask = async <T>(path: string) => (await (await fetch(server.url + path)).json()) as T;
    const unfinished = '/v1/uploads?limit=200&state=receiving,paused,validating,assembling';
    // Nothing waits for bytes that nobody will send: what was not answered is there whole, or not at all.
    const settled = async () => {
      await server.restart();
      await expect.poll(async () => (await ask<UploadList>(unfinished)).items, { timeout: 60_000 }).toEqual([]);
    };
    for (const [round, point] of points.entries()) {
      await settled();
      await server.restart({ HOLDFAST_TEST_CRASH_AT: `${point}:${1 + (round % 3)}` });
      const some = Array.from({ length: 6 }, (_, at) => newFile(`r${round}-${at}`));
      const ids = await Promise.all(some.map((file, at) => send(server.url, file, at)));
      for (const [at, id] of ids.entries()) if (id !== null) files.set(id, some[at] as File);
    }
    await settled();
    for (const [id, { name, bytes, sha256 }] of files) {
      const path = `/v1/uploads/${id}`;
      await expect.poll(async () => (await ask<Upload>(path)).state, { timeout: 60_000 }).toBe('completed');
      expect(await ask<Upload>(path), name).toMatchObject({ filename: name, sha256, size: bytes.length });
      const content = await fetch(`${server.url}/v1/assets/${sha256}/content`);
      expect(Buffer.from(await content.arrayBuffer()).equals(bytes), name).toBe(true);
    }
    await server.kill('SIGTERM');
    const verify = ['verify', '--data', server.dataDir, '--json'];
    await holdfast([...verify, '--repair']);
    const again = await holdfast(verify);
    expect([again.code, again.stdout]).toEqual([0, expect.not.stringContaining('orphaned')]);
    expect(files.size).toBeGreaterThan(points.length);
  },
  300_000,
);
