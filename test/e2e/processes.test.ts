/** B6, E1, E2: one server of several processes over one folder: a process that dies takes nothing with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChunkReceipt, Problem, Run, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventReader } from '../../packages/server/test/event-reader.ts';
import { countedIn, countingPipeline } from './counting-pipeline.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, NoAnswer, seededBytes, seededRandom, sha256, shuffled } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const chunks = 48;

let dir: string;
let counted: string;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-processes-'));
  const pipeline = await countingPipeline(dir);
  counted = pipeline.counts;
  server = await ServerProcess.start({
    args: ['--processes', '2', '--log-level', 'debug', '--pipelines', pipeline.file],
    env: { HOLDFAST_RESERVE_MB: '0' },
    // All of them have to agree on the one that the server takes.
    port: 0,
  });
  api = new Api(() => server.url);
});
afterAll(async () => {
  api?.close();
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

/** The process that is in the slot now. */
function workerPid(index: number): number {
  const line = server.log.findLast(({ worker, msg }) => worker === index && msg === 'this process takes requests');
  return Number(line?.['pid']);
}

/** Which processes answered requests of the upload. */
function answeredBy(uploadId: string): unknown[] {
  const lines = server.log.filter(({ uploadId: id, msg }) => id === uploadId && msg === 'request');
  return [...new Set(lines.map(({ worker }) => worker))].sort();
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It did not come to: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function bothServe(): Promise<void> {
  await until('both processes serve', async () => {
    const { body } = await answered(() => api.json<{ status: string }>('GET', '/health'));
    return body.status === 'ok';
  });
}

/** Asked again until an answer comes: a process that dies takes its connections with it. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NoAnswer) || !server.runs) throw error;
    }
  }
}

/** Over a connection of its own, which any process may get. Null when it broke. */
function alone(
  url: string,
  { body, ...options }: { method: string; headers: Record<string, string>; body?: Buffer },
): Promise<{ status: number; headers: IncomingHttpHeaders } | null> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { ...options, agent: false }, (response) => {
      response.resume();
      response.once('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    request.once('error', () => resolve(null));
    request.end(body);
  });
}

async function create(name: string, bytes: Buffer): Promise<Upload> {
  const wish = { filename: name, size: bytes.length, chunkSize: chunkBytes, sha256: sha256(bytes) };
  return (await api.json<Upload>('POST', '/v1/uploads', wish)).body;
}

/** Over four connections. Calls back after each receipt. */
async function send(id: string, bytes: Buffer, indexes: readonly number[], receipt: () => void): Promise<void> {
  const queue = [...indexes];
  const lanes = Array.from({ length: 4 }, async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
      const at = `/v1/uploads/${id}/chunks/${index}`;
      const { status, body } = await answered(() => api.put<ChunkReceipt & Problem>(at, chunk));
      const done = body.code === 'upload-finishing' || body.details?.['state'] === 'completed';
      expect(status === 200 || done, `chunk ${index}: ${status} ${body.code} ${body.detail}`).toBe(true);
      receipt();
    }
  });
  // All have ended before a failure is told: what one still sent would count for a second try of the test.
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') throw lane.reason;
}

/** Completed, with the right digest, and processed once. */
async function arrived(id: string, bytes: Buffer): Promise<void> {
  const digest = sha256(bytes);
  const { body } = await answered(() => api.json<Upload>('POST', `/v1/uploads/${id}/complete?wait=30`));
  expect(body).toMatchObject({ state: 'completed', sha256: digest });
  expect((await answered(() => api.bytes(`/v1/assets/${digest}/content`))).equals(bytes)).toBe(true);
  await until('the run has ended', async () => {
    const { body: page } = await answered(() => api.json<{ items: Run[] }>('GET', `/v1/assets/${digest}/runs`));
    return page.items.length === 1 && page.items[0]?.state === 'succeeded';
  });
  const times = (await countedIn(counted)).filter((line) => line === digest);
  expect(times).toEqual([digest]);
}

test('chunks of one upload reach both processes; one that is killed is started again and nothing is lost', async () => {
  const bytes = seededBytes(seededRandom(1), chunks * chunkBytes);
  const { id } = await create('one.bin', bytes);
  const order = shuffled(
    seededRandom(2),
    Array.from({ length: chunks }, (_, i) => i),
  );
  const before = await metric('holdfast_chunks_received_total');
  await send(id, bytes, order.slice(0, chunks / 2), () => {});
  expect((await metric('holdfast_chunks_received_total')) - before, 'of both processes together').toBe(chunks / 2);
  // The kernel may have given all four connections to one of them.
  await until('chunks reach both processes', async () => {
    const index = order[chunks / 2] ?? 0;
    const body = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(body.length) };
    if (answeredBy(id).length < 2)
      await alone(`${server.url}/v1/uploads/${id}/chunks/${index}`, { method: 'PUT', headers, body });
    return answeredBy(id).length === 2;
  });

  const second = workerPid(2);
  let receipts = 0;
  await send(id, bytes, order.slice(chunks / 2), () => {
    receipts += 1;
    if (receipts === 6) process.kill(second, 'SIGKILL');
  });
  await arrived(id, bytes);
  await until('the dead one is started anew', () => workerPid(2) !== second);
  await bothServe();
  // What the dead process had counted when it was last asked does not go away with it.
  expect(await metric('holdfast_chunks_received_total')).toBeGreaterThanOrEqual(before + chunks / 2);
  expect(await metric('holdfast_uploads')).toBe(1);
});

test('a tus upload goes on while the processes are killed one after the other', async () => {
  const bytes = seededBytes(seededRandom(3), chunks * chunkBytes);
  const tus = { 'tus-resumable': '1.0.0' };
  const created = await fetch(`${server.url}/files`, {
    method: 'POST',
    headers: { ...tus, 'upload-length': String(bytes.length) },
  });
  const url = new URL(created.headers.get('location') ?? '', server.url).href;
  const id = url.split('/').at(-1) ?? '';
  expect(created.status).toBe(201);
  const call = (method: string, more: Record<string, string>, body?: Buffer) =>
    alone(url, { method, headers: { ...tus, ...more }, ...(body === undefined ? {} : { body }) });
  let acknowledged = 0;
  let patches = 0;
  for (let tries = 0; acknowledged < bytes.length; tries += 1) {
    expect(tries, 'it comes to an end').toBeLessThan(5_000);
    if (patches === 6) await bothServe();
    const head = await call('HEAD', {});
    const offset = Number(head?.headers['upload-offset'] ?? Number.NaN);
    if (Number.isNaN(offset)) continue;
    expect(offset, 'no acknowledged byte is gone').toBeGreaterThanOrEqual(acknowledged);
    const part = bytes.subarray(offset, offset + 4 * chunkBytes);
    const headers = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
    const patched = call('PATCH', headers, part);
    patches += 1;
    // Also the first process, which does the work behind the uploads.
    if (patches === 3 || patches === 7) process.kill(workerPid(patches === 3 ? 2 : 1), 'SIGKILL');
    const reply = await patched;
    if (reply?.status === 204) acknowledged = offset + part.length;
    else expect([null, 404, 409, 423, 503]).toContain(reply?.status ?? null);
  }
  const lines = server.log.filter(({ msg, method }) => msg === 'request' && method === 'PATCH');
  expect([...new Set(lines.map(({ worker }) => worker))].sort()).toEqual([1, 2]);
  await arrived(id, bytes);
});

test('killing the supervisor ends its processes; the next server goes on at once', async () => {
  await bothServe();
  const bytes = seededBytes(seededRandom(4), chunks * chunkBytes);
  const { id } = await create('two.bin', bytes);
  const indexes = Array.from({ length: chunks }, (_, i) => i);
  await send(id, bytes, indexes.slice(0, 20), () => {});
  const refused = await holdfast(['serve', '--port', '0', '--data', server.dataDir]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Another Holdfast process uses') });
  await server.restart();
  const { body: upload } = await api.json<Upload>('GET', `/v1/uploads/${id}`);
  expect(upload.missingChunks).toEqual(indexes.slice(20));
  await send(id, bytes, upload.missingChunks, () => {});
  await arrived(id, bytes);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(await holdfast(['verify', '--data', server.dataDir])).toMatchObject({ code: 0 });
});

test('one that dies while the others are still starting is started anew', async () => {
  let first = 0;
  await using starting = await ServerProcess.start({
    args: ['--processes', '3', '--no-pipeline'],
    heard: ({ worker, msg, pid }) => {
      if (first !== 0 || worker !== 1 || msg !== 'this process takes requests') return;
      first = Number(pid);
      process.kill(first, 'SIGKILL');
    },
  });
  expect(first).toBeGreaterThan(0);
  await until('all processes serve', async () => {
    const answer = await fetch(`${starting.url}/health`).catch(() => null);
    return answer !== null && ((await answer.json()) as { status: string }).status === 'ok';
  });
  expect(await starting.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('a browser that signs out gets no events any more from any process', async () => {
  const apiKey = 'a-key-of-enough-length';
  await using signing = await ServerProcess.start({
    args: ['--processes', '2', '--no-pipeline', '--log-level', 'debug'],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_API_KEYS: `ana:${apiKey}` },
    port: 0,
  });
  const session = (method: string, init: RequestInit) => fetch(`${signing.url}/v1/session`, { method, ...init });
  const json = { 'content-type': 'application/json' };
  const signedIn = await session('POST', { headers: json, body: JSON.stringify({ apiKey }) });
  const headers = { cookie: signedIn.headers.get('set-cookie')?.split(';')[0] ?? '' };
  const readers = await Promise.all(
    Array.from({ length: 16 }, () => EventReader.open(`${signing.url}/v1/events`, undefined, headers)),
  );
  expect((await session('DELETE', { headers })).status).toBe(204);
  expect(await Promise.all(readers.map((reader) => reader.ended()))).toEqual(readers.map(() => true));
});

test('a setting that cannot be is refused; a port that is taken ends the start', async () => {
  expect(await holdfast(['serve', '--processes', 'many'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Setting "processes"'),
  });
  await using other = await ServerProcess.start();
  const empty = await mkdtemp(join(dir, 'taken-'));
  const taken = await holdfast(['serve', '--processes', '2', '--port', String(other.port), '--data', empty]);
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining(`Port ${other.port}`) });
});
