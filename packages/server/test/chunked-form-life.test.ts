/** B3, B5–B7 and the documents: restarts, owners, processing, log lines, curl. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it, test } from 'vitest';
import { openNode } from '../src/cli/compose.ts';
import { loadConfig } from '../src/config/load.ts';
import { type ErrorCode, errorCatalog } from '../src/core/errors.ts';
import { refusals } from '../src/dialects/form-refusals.ts';
import { statusOf } from '../src/dialects/native/problems.ts';
import { chunkOf, expectDetail, FormClient, formChunkBytes } from './chunked-form-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * formChunkBytes + 100;
const bytes = someBytes(size);

test('B6: a session goes on after a restart, chunk by chunk and to its end', async () => {
  let node = await RunningNode.start();
  const { dataDir } = node;
  const id = await new FormClient(node).begin(size);
  for (const index of [1, 0, 2]) {
    expect(await new FormClient(node).chunk(id, index, chunkOf(bytes, index))).toMatchObject({ status: 200 });
    await node.stop();
    node = await RunningNode.start({ dataDir });
  }
  const client = new FormClient(node);
  expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(bytes) });
  await node.stop();
  node = await RunningNode.start({ dataDir });
  expect((await new FormClient(node).complete(id)).body).toMatchObject({
    assessment_id: sha256(bytes),
    filename: 'talk.mp4',
  });
  await node.close();
});

test('B3: processing starts by itself; the answer is its run, also when the content was there already', async () => {
  await using node = await RunningNode.start({ config: { pipeline: true } });
  const client = new FormClient(node);
  const small = someBytes(1000);
  const ids: string[] = [];
  for (let i = 0; i < 2; i += 1) {
    const id = await client.begin(small.length, `take-${i}.mp4`);
    await client.chunk(id, 0, small);
    const { body } = await client.complete(id);
    expect(body).toMatchObject({ filename: `take-${i}.mp4`, message: 'Upload completed; processing starts by itself' });
    expect((await client.complete(id)).body).toEqual(body);
    expect(await client.status(id)).toMatchObject({ assessment_id: body['assessment_id'] });
    ids.push(body['assessment_id']);
  }
  expect(ids[1]).toBe(ids[0]);
  const run = await node.json<{ assetId: string; steps: unknown[] }>('GET', `/v1/runs/${ids[0]}`);
  expect(run).toMatchObject({ status: 200, body: { assetId: sha256(small) } });
  expect(run.body.steps.length).toBeGreaterThan(0);
});

describe('with API keys', () => {
  const keys = { ana: 'ana-has-a-key-of-her-own', ben: 'ben-has-a-key-of-his-own' };
  const apiKeys = Object.entries(keys).map(([principal, key]) => ({
    principal,
    sha256: createHash('sha256').update(key).digest('hex'),
  }));

  test('B5: the sessions of others do not exist; without a key nothing does', async () => {
    await using ana = await RunningNode.start({ config: { apiKeys }, apiKey: keys.ana });
    const mine = new FormClient(ana);
    const as = (key: string) =>
      new FormClient({
        fetch: (path: string, init: RequestInit) =>
          ana.fetch(path, { ...init, headers: { ...init?.headers, authorization: `Bearer ${key}` } }),
      } as RunningNode);
    const id = await mine.begin(size);
    await mine.chunk(id, 0, chunkOf(bytes, 0));
    const other = as(keys.ben);
    const nobody = as('a-key-that-nobody-has');
    for (const command of ['complete', 'cancel', 'pause', 'resume', 'status']) {
      expectDetail(await other.post(command, { upload_id: id }), 404, 'Upload session not found', 'upload-not-found');
      const refused = await nobody.post(command, { upload_id: id });
      expectDetail(refused, 401, /API key/, 'unauthenticated');
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
    expectDetail(await other.chunk(id, 1, chunkOf(bytes, 1)), 404, 'Upload session not found');
    expectDetail(await nobody.chunk(id, 1, chunkOf(bytes, 1)), 401, /API key/);
    expectDetail(await nobody.post('init', { filename: 'a', file_size: 1, total_chunks: 1 }), 401, /API key/);
    expectDetail(await nobody.get('sessions'), 401, /API key/);
    expect((await other.get('sessions')).body).toEqual({ active_sessions: 0, session_ids: [] });
    expect((await mine.get('sessions')).body).toEqual({ active_sessions: 1, session_ids: [id] });
    expect(await mine.status(id)).toMatchObject({ status: 'receiving', received_chunks: 1 });
  });
});

test('B7: log lines for the whole life of a session, each with its id', async () => {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write: (line, _encoding, done) => {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
  const config = loadConfig({
    env: {},
    flags: { dataDir, port: 0, pipeline: false, reserveMb: 0, durability: 'committed' },
  });
  const server = await openNode({ config, log: pino({ level: 'debug' }, sink) });
  const url = await server.http.app.listen({ host: config.host, port: 0 });
  const client = new FormClient({ fetch: (path: string, init: RequestInit) => fetch(url + path, init) } as RunningNode);
  const id = await client.begin(size);
  await client.chunk(id, 0, chunkOf(bytes, 0));
  await client.chunk(id, 7, chunkOf(bytes, 0));
  await client.complete(id);
  await client.post('pause', { upload_id: id });
  await client.post('resume', { upload_id: id });
  for (const index of [1, 2]) await client.chunk(id, index, chunkOf(bytes, index));
  await client.complete(id);
  const given = await client.begin(10);
  await client.post('cancel', { upload_id: given });
  await server.close();
  await rm(dataDir, { recursive: true });

  const life = (session: string) => lines.filter((line) => line['uploadId'] === session && line['msg'] !== 'request');
  expect(life(id)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: 30, msg: 'upload created', filename: 'talk.mp4', size }),
      expect.objectContaining({ msg: 'chunk received', chunk: 0, duplicate: false }),
      expect.objectContaining({ level: 30, code: 'invalid-chunk-index', chunk: 7 }),
      expect.objectContaining({ level: 30, code: 'missing-chunks', route: '/api/chunked-upload/complete' }),
      expect.objectContaining({ level: 30, msg: 'upload changed', state: 'paused' }),
      expect.objectContaining({ level: 30, msg: 'upload changed', state: 'receiving' }),
      expect.objectContaining({ level: 30, msg: 'upload ended', state: 'completed' }),
      expect.objectContaining({ level: 30, msg: 'session completed', assessmentId: sha256(bytes) }),
    ]),
  );
  expect(life(given).map((line) => line['msg'])).toEqual(['upload created', 'upload changed', 'upload ended']);
});

describe('documents', () => {
  test('B1–B3: the curl transcript of docs/chunked-form.md, as it stands', async () => {
    await using node = await RunningNode.start();
    const text = await readFile(new URL('../../../docs/chunked-form.md', import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(blocks.length).toBeGreaterThan(3);
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-curl-'));
    const film = join(dir, 'my film & more.mp4');
    await writeFile(film, bytes);
    const env = { PATH: process.env['PATH'], URL: node.url, FILE: film };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], { env });
    await rm(dir, { recursive: true });
    const answers = [...stdout.matchAll(/\{[^{}]*\}/g)].map((match) => JSON.parse(match[0]));
    expect(answers.slice(0, 3).map((answer) => answer.received_chunks)).toEqual([1, 2, 3]);
    expect(answers.at(-1)).toEqual({
      assessment_id: sha256(bytes),
      filename: 'my film & more.mp4',
      message: 'Upload completed',
    });
  });

  test('the OpenAPI document has every route with its three body types', async () => {
    await using node = await RunningNode.start();
    interface Operation {
      readonly tags: string[];
      readonly requestBody?: { readonly content: Record<string, unknown> };
    }
    const { paths } = (await node.json<{ paths: Record<string, Record<string, Operation>> }>('GET', '/openapi.json'))
      .body;
    const operation = (path: string, method: string) => paths[`/api/chunked-upload/${path}`]?.[method];
    const three = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];
    for (const path of ['init', 'complete', 'cancel', 'pause', 'resume', 'status'])
      expect(Object.keys(operation(path, 'post')?.requestBody?.content ?? {}).sort(), path).toEqual(three);
    expect(Object.keys(operation('chunk', 'post')?.requestBody?.content ?? {})).toEqual(['multipart/form-data']);
    for (const path of ['status', 'sessions']) expect(operation(path, 'get')?.tags).toEqual(['chunked-form']);
  });

  it.each(Object.keys(errorCatalog) as ErrorCode[])(
    'B4: %s has the status of the native API, but for missing chunks',
    (code) => {
      expect(refusals[code].status).toBe(code === 'missing-chunks' ? 400 : statusOf[code]);
    },
  );
});
