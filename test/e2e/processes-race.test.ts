/**
 * B6: three processes over one folder, and each upload reaches all of them at once, by several connections: pieces in any order and twice,
 * commands between them, two senders of one upload. As long as no process dies, nothing is answered 5xx, no connection breaks, every file
 * arrives whole, and each content is processed once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countedIn, countingPipeline } from './counting-pipeline.ts';
import { ServerProcess } from './server-process.ts';
import { seededBytes, seededRandom, sha256, shuffled } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const size = 8 * chunkBytes - 1;
const wholeBytesMax = 256 * 1024;
const random = seededRandom(7);

let dir: string;
let counted: string;
let server: ServerProcess;
/** Contents that arrived, by their digests. */
const arrived = new Set<string>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-processes-race-'));
  const pipeline = await countingPipeline(dir);
  counted = pipeline.counts;
  server = await ServerProcess.start({
    args: ['--processes', '3', '--pipelines', pipeline.file],
    env: { HOLDFAST_RESERVE_MB: '0' },
  });
});
afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Rejects when the connection breaks or the answer is 5xx: then what was asked had not to be asked again. */
async function ask(method: string, path: string, headers: Record<string, string>, body?: Uint8Array | string) {
  const content = body === undefined ? {} : { body: body as RequestInit['body'] & object };
  const answer = await fetch(new URL(path, server.url), { method, headers, ...content });
  const text = await answer.text();
  expect(answer.status, `${method} ${path}: ${text}`).toBeLessThan(500);
  return { status: answer.status, headers: answer.headers, text };
}

const json = { 'content-type': 'application/json' };
const octets = { 'content-type': 'application/octet-stream' };

async function stored(bytes: Buffer): Promise<void> {
  const digest = sha256(bytes);
  const answer = await fetch(`${server.url}/v1/assets/${digest}/content`);
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  arrived.add(digest);
}

/** All pieces at once, some twice, with commands between them; then what is missing, until it is completed. */
async function chunks(bytes: Buffer): Promise<void> {
  const wish = { filename: 'race.bin', size: bytes.length, chunkSize: chunkBytes };
  const { id } = JSON.parse((await ask('POST', '/v1/uploads', json, JSON.stringify(wish))).text) as Upload;
  const at = `/v1/uploads/${id}`;
  const chunk = async (index: number) => {
    const body = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    const { status, text } = await ask('PUT', `${at}/chunks/${index}`, octets, body);
    // Paused, being written by another one, or completed meanwhile.
    expect([200, 409, 410], text).toContain(status);
  };
  const indexes = Array.from({ length: 8 }, (_, i) => i);
  const twice = indexes.filter(() => random() < 0.4);
  const commands = ['pause', 'resume', 'complete'].filter(() => random() < 0.5);
  await Promise.all([
    ...shuffled(random, [...indexes, ...twice]).map(chunk),
    ...commands.map(async (command) => {
      await delay(5 * random());
      await ask('POST', `${at}/${command}`, {});
    }),
  ]);
  for (let tries = 0; tries < 10; tries += 1) {
    const { state, missingChunks } = JSON.parse((await ask('GET', at, {})).text) as Upload;
    if (state === 'completed') return await stored(bytes);
    if (state === 'paused') await ask('POST', `${at}/resume`, {});
    await Promise.all(missingChunks.map(chunk));
    await ask('POST', `${at}/complete?wait=10`, {});
  }
  throw new Error(`${id} does not come to its end`);
}

/** Two senders that each ask for the offset and send from there; one of them is told off. */
async function appends(bytes: Buffer): Promise<void> {
  const tus = { 'tus-resumable': '1.0.0' };
  const made = await ask('POST', '/files', { ...tus, 'upload-length': String(bytes.length) });
  const at = new URL(made.headers.get('location') ?? '', server.url).pathname;
  let done = false;
  const sender = async () => {
    const { headers } = await ask('HEAD', at, tus);
    const offset = Number(headers.get('upload-offset'));
    done ||= offset === bytes.length;
    if (done) return;
    const more = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
    const part = bytes.subarray(offset, offset + 1 + Math.floor(4 * chunkBytes * random()));
    const { status } = await ask('PATCH', at, { ...tus, ...more }, part);
    expect([204, 409, 410, 423]).toContain(status);
  };
  for (let tries = 0; !done; tries += 1) {
    expect(tries, 'it comes to an end').toBeLessThan(500);
    await Promise.all([sender(), sender()]);
  }
  await ask('POST', `/v1/uploads/${at.split('/').at(-1)}/complete?wait=10`, {});
  await stored(bytes);
}

/** One content by three requests at once. */
async function alike(all: Buffer): Promise<void> {
  const bytes = all.subarray(0, wholeBytesMax);
  const send = async () => {
    const { status, text } = await ask('POST', '/v1/uploads/whole?filename=same.bin', octets, bytes);
    expect(status).toBe(201);
    await ask('POST', `/v1/uploads/${(JSON.parse(text) as Upload).id}/complete?wait=10`, {});
  };
  await Promise.all([send(), send(), send()]);
  await stored(bytes);
}

test('uploads that all processes work on at once', async () => {
  const lane = async (times: number, work: (bytes: Buffer) => Promise<void>) => {
    for (let i = 0; i < times; i += 1) await work(seededBytes(random, size));
  };
  await Promise.all([lane(60, chunks), lane(60, chunks), lane(25, appends), lane(25, alike)]);
  expect(arrived.size).toBe(170);
  await expect.poll(async () => (await countedIn(counted)).length, { timeout: 30_000 }).toBe(170);
  expect(new Set(await countedIn(counted))).toEqual(arrived);
});
