/** `DELETE /v1/assets/:id` as clients and watched folders see it, with real processing. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AssetList, Problem, Run, SearchResults } from '@holdfast/protocol';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

const run = promisify(execFile);
const keys = { ana: 'the-key-of-ana-is-long', ben: 'the-key-of-ben-is-long' };
const apiKeys = Object.entries(keys).map(([principal, key]) => ({ principal, sha256: sha256(Buffer.from(key)) }));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-deletion-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const processing = { pipeline: true, speechEngine: 'none', textEngine: 'none' };
const nodes: RunningNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});
async function start(config: Parameters<typeof RunningNode.start>[0] = {}): Promise<RunningNode> {
  const node = await RunningNode.start(config);
  nodes.push(node);
  return node;
}

const remove = (node: RunningNode, id: string) => node.json<Problem>('DELETE', `/v1/assets/${id}`);
const listed = async (node: RunningNode) =>
  (await node.json<AssetList>('GET', '/v1/assets')).body.items.map(({ id }) => id);
/** Names of all files below a folder of the data directory. */
const files = async (node: RunningNode, name: string) =>
  (await readdir(join(node.dataDir, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

test('an asset is gone with its bytes; what its upload says stays, and the same content can come again', async () => {
  const node = await start();
  const bytes = someBytes(200_000);
  const upload = await node.upload(bytes, { filename: 'wrong.bin' });
  const id = upload.assetId ?? '';
  expect(await files(node, 'assets')).toEqual([id]);

  expect(await remove(node, id)).toMatchObject({ status: 204, body: null });

  expect(await listed(node)).toEqual([]);
  expect(await files(node, 'assets')).toEqual([]);
  for (const path of ['', '/content', '/runs', '/artifacts'])
    expectProblem(await node.json('GET', `/v1/assets/${id}${path}`), 404, 'asset-not-found');
  expectProblem(await remove(node, id), 404, 'asset-not-found');
  for (const odd of ['0'.repeat(64), 'x', '..%2f..', id.toUpperCase()])
    expectProblem(await remove(node, odd), 404, 'asset-not-found');
  expect(await node.status(upload.id)).toMatchObject({ state: 'completed', sha256: id });
  // A chunk that comes once more is known by its checksum; nothing comes back by it.
  expect((await node.put(upload.id, 0, bytes.subarray(0, upload.chunkSize))).status).toBe(200);
  expect(await listed(node)).toEqual([]);

  expect((await node.upload(bytes)).assetId).toBe(id);
  expect(await files(node, 'assets')).toEqual([id]);
  await node.stop();
  const again = await start({ dataDir: node.dataDir });
  expect(await listed(again)).toEqual([id]);
});

test('what others have too stays for them; upload tokens delete nothing', async () => {
  const node = await start({ config: { apiKeys, ...processing } });
  const [ana, ben] = [node.as(keys.ana), node.as(keys.ben)];
  const bytes = someBytes(1_000);
  const { assetId } = await ana.upload(bytes, { filename: 'of ana.bin' });
  await ben.upload(bytes, { filename: 'of ben.bin' });
  const id = assetId ?? '';
  expectProblem(await remove(node, id), 401, 'unauthenticated');
  const { token } = (await ana.json<{ token: string }>('POST', '/v1/upload-tokens', { maxSize: 1_000 })).body;
  expectProblem(await remove(node.as(token), id), 403, 'token-scope');

  expect((await remove(ana, id)).status).toBe(204);
  expectProblem(await remove(ana, id), 404, 'asset-not-found');
  expect(await listed(ana)).toEqual([]);
  expect(await listed(ben)).toEqual([id]);
  const content = await ben.fetch(`/v1/assets/${id}/content`);
  expect(sha256(Buffer.from(await content.arrayBuffer()))).toBe(id);
  await expect
    .poll(async () => (await ben.json<SearchResults>('GET', '/v1/search?q=bin')).body.items.map((hit) => hit.filename))
    .toEqual(['of ben.bin']);

  const both = await Promise.all([remove(ben, id), remove(ben, id), remove(ben, id)]);
  expect(both.map(({ status }) => status).sort()).toEqual([204, 404, 404]);
  expect(await files(node, 'assets')).toEqual([]);
});

test('D3: deleted while it is processed, everything of it goes; brought again it is processed anew, to the end', async () => {
  const film = join(dir, 'film.mp4');
  const picture = ['-f', 'lavfi', '-i', 'testsrc=duration=4:size=320x240:rate=25'];
  await run('ffmpeg', ['-v', 'error', ...picture, '-f', 'lavfi', '-i', 'sine=d=4', '-shortest', film]);
  const bytes = await readFile(film);
  const node = await start({ config: processing });
  const runs = async () => (await node.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`)).body.items;
  const wish = { filename: 'film.mp4', contentType: 'video/mp4' };
  const { assetId } = await node.upload(bytes, wish);
  await expect.poll(async () => (await runs())[0]?.steps.some(({ state }) => state === 'succeeded')).toBe(true);
  const [first] = await runs();

  expect((await remove(node, assetId ?? '')).status).toBe(204);
  expectProblem(await node.json('GET', `/v1/runs/${first?.id}`), 404, 'run-not-found');
  expect(await files(node, 'assets')).toEqual([]);

  await node.upload(bytes, wish);
  await expect.poll(async () => (await runs())[0]?.state, { timeout: 60_000 }).toBe('succeeded');
  const [second] = await runs();
  expect(second?.id).not.toBe(first?.id);
  const events = (await node.json<{ items: { type: string; seq: number }[] }>('GET', `/v1/runs/${second?.id}/events`))
    .body;
  expect(events.items[0]).toMatchObject({ type: 'run.created', seq: 1 });
  expect((await files(node, 'artifacts')).length).toBeGreaterThan(3);

  expect((await remove(node, assetId ?? '')).status).toBe(204);
  expect(await files(node, 'artifacts')).toEqual([]);
});

test('D1: a file that is processed where it lies is not ours to delete; one that was taken is, and is not taken again', async () => {
  const [inPlace, taken] = [join(dir, 'in-place'), join(dir, 'taken')];
  for (const folder of [inPlace, taken]) await mkdir(folder);
  for (const [folder, f] of [
    [inPlace, 300],
    [taken, 500],
  ] as const)
    await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `sine=f=${f}:d=1`, join(folder, 'talk.wav')]);
  const times = { settleSeconds: 0.05, intervalSeconds: 0.2 };
  const watch = [
    { path: inPlace, take: 'in-place', ...times },
    { path: taken, ...times },
  ];
  const node = await start({ config: { watch } });
  await expect.poll(() => listed(node)).toHaveLength(2);
  const outside = sha256(await readFile(join(inPlace, 'talk.wav')));
  const inside = sha256(await readFile(join(taken, 'talk.wav')));

  const refusal = expectProblem(await remove(node, outside), 409, 'asset-in-place');
  expect(refusal.detail).toContain('watched folder');
  expect((await node.fetch(`/v1/assets/${outside}/content`)).status).toBe(200);
  expect((await remove(node, inside)).status).toBe(204);
  await node.json('POST', '/v1/watch/scan', {});
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(await listed(node)).toEqual([outside]);

  await rm(join(inPlace, 'talk.wav'));
  expect((await remove(node, outside)).status).toBe(204);
  expect(await listed(node)).toEqual([]);
});
