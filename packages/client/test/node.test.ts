/** What Node adds: files, memory between runs, digests on a thread, early answers. */
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUploadClient } from '../src/index.ts';
import { fileSha256, fileSource, journalEntryMsMax, nodeTransport, uploadJournal } from '../src/node/index.ts';
import { ContractServer } from './contract-server.ts';

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-client-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a file', () => {
  test('is read where it is asked for, and again after it was closed', async () => {
    const bytes = randomBytes(100_000);
    const path = join(folder, 'a.bin');
    await writeFile(path, bytes);
    const source = await fileSource(path);
    expect(source).toMatchObject({ name: 'a.bin', size: 100_000, path });
    const parts = await Promise.all([source.read(50_000, 100_000, never), source.read(0, 50_000, never)]);
    expect(Buffer.concat([parts[1], parts[0]] as Uint8Array[]).equals(bytes)).toBe(true);
    await source.close();
    await source.close();
    expect(await source.read(0, 10, never)).toEqual(new Uint8Array(bytes.subarray(0, 10)));
    await source.close();
  });

  test('that changes during the upload ends it with a typed error', async () => {
    await using server = await ContractServer.start();
    const path = join(folder, 'a.bin');
    await writeFile(path, randomBytes(5_000));
    const transport = nodeTransport();
    const source = await fileSource(path);
    server.intercept = async (seen) => {
      if (seen.index === 2) await appendFile(path, 'more');
      return undefined;
    };
    const handle = createUploadClient({ endpoint: server.url, transport, parallel: 1 }).add(source);
    await expect(handle.done).rejects.toMatchObject({
      type: 'validation',
      code: 'source-changed',
      retryable: false,
      chunk: 3,
    });
    transport.close();
  });

  test('that is only touched, or cut short, has changed too', async () => {
    const path = join(folder, 'a.bin');
    await writeFile(path, randomBytes(5_000));
    const source = await fileSource(path);
    await utimes(path, 1, 1);
    await expect(source.read(0, 10, never)).rejects.toMatchObject({ code: 'source-changed' });
    await writeFile(path, 'x');
    await expect(source.read(0, 10, never)).rejects.toMatchObject({ code: 'source-changed' });
    await source.close();
  });

  test('that is not there, or is a folder, is a typed error', async () => {
    await expect(fileSource(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'source-unreadable' });
    await expect(fileSource(folder)).rejects.toMatchObject({ code: 'source-unreadable' });
  });

  test('has its SHA-256 computed on a thread, which can be stopped', async () => {
    const bytes = randomBytes(3_000_001);
    const path = join(folder, 'a.bin');
    await writeFile(path, bytes);
    expect(await fileSha256(path, never)).toBe(createHash('sha256').update(bytes).digest('hex'));
    await expect(fileSha256(join(folder, 'nothing'), never)).rejects.toThrow('ENOENT');
    const controller = new AbortController();
    const stopped = fileSha256(path, controller.signal);
    controller.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('the journal', () => {
  const key = { endpoint: 'http://a', path: '/film.mp4', size: 10, mtimeMs: 1.5 };

  test('remembers one state of one file at one server, until it is told to forget', async () => {
    const journal = uploadJournal(join(folder, 'deep', 'journal'), () => 0);
    expect(await journal.find(key)).toBeNull();
    await journal.remember(key, 'u1');
    await journal.remember(key, 'u2');
    expect(await journal.find(key)).toBe('u2');
    for (const other of [{ endpoint: 'http://b' }, { path: '/b' }, { size: 11 }, { mtimeMs: 2 }]) {
      expect(await journal.find({ ...key, ...other })).toBeNull();
    }
    expect(await readdir(join(folder, 'deep', 'journal'))).toHaveLength(1);
    await journal.forget(key);
    await journal.forget(key);
    expect(await journal.find(key)).toBeNull();
  });

  test('takes a damaged entry for none', async () => {
    const journal = uploadJournal(folder, () => 0);
    await journal.remember(key, 'u1');
    const [name = ''] = await readdir(folder);
    for (const text of ['', '{', 'null', '{"uploadId":7}', '{"uploadId":"u1"}']) {
      await writeFile(join(folder, name), text);
      expect(await journal.find(key)).toBeNull();
    }
  });

  test('drops entries after seven days, and nothing that is not its own', async () => {
    let now = Date.now();
    const journal = uploadJournal(folder, () => now);
    await journal.remember(key, 'u1');
    await writeFile(join(folder, 'note.txt'), 'mine');
    expect(await journal.sweep()).toBe(0);
    now += journalEntryMsMax + 60_000;
    expect(await journal.sweep()).toBe(1);
    expect(await readdir(folder)).toEqual(['note.txt']);
    expect(await uploadJournal(join(folder, 'none'), () => now).sweep()).toBe(0);
  });
});

test('an answer that comes before the body has ended counts, whatever the server does to the connection', async () => {
  let received = 0;
  const server = createServer((request, response) => {
    request.on('data', (data: Buffer) => {
      received += data.byteLength;
    });
    response.writeHead(413, { connection: 'close' }).end('too large');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = nodeTransport();
  const body = new Uint8Array(64 * 2 ** 20);
  const request = { method: 'PUT' as const, url: `http://127.0.0.1:${port}/`, headers: {}, body };
  const answer = await transport.send(request, { signal: never });
  expect(answer).toMatchObject({ status: 413, text: 'too large' });
  expect(received).toBeLessThan(body.byteLength);
  transport.close();
  await new Promise((resolve) => server.close(resolve));
});
