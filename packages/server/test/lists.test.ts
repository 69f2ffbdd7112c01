/** C6, D5: lists with filters and pages; cursors that nobody gave out. */
import type { AssetList, UploadList } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

let node: RunningNode;
const created: string[] = [];
beforeAll(async () => {
  node = await RunningNode.start();
  for (let i = 0; i < 12; i += 1)
    created.push((await node.create({ filename: `Clase ${i} 100%_ñ.mp4`, size: chunkBytes })).id);
  for (let i = 0; i < 3; i += 1) await node.json('POST', `/v1/uploads/${created[i]}/pause`);
  await node.json('DELETE', `/v1/uploads/${created[3]}`);
  for (let i = 0; i < 5; i += 1) await node.upload(someBytes(100), { filename: `asset-${i}.bin` });
});
afterAll(async () => {
  await node.close();
});

async function list(query: string): Promise<UploadList> {
  const answer = await node.json<UploadList>('GET', `/v1/uploads?${query}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

test('newest first, in pages without gaps or repeats, while new ones come in', async () => {
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page: UploadList = await list(`limit=5${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    expect(page.items.length).toBeLessThanOrEqual(5);
    seen.push(...page.items.map((u) => u.id));
    cursor = page.cursor;
    pages += 1;
    if (pages === 1) await node.json('DELETE', `/v1/uploads/${(await node.create({ filename: 'later', size: 1 })).id}`);
  } while (cursor !== null);
  expect(pages).toBe(4);
  expect(new Set(seen).size).toBe(17);
  expect(seen.slice(-12)).toEqual([...created].reverse());
});

test('filters: states, several states, part of the name without regard to case', async () => {
  expect((await list('state=paused')).items).toHaveLength(3);
  expect((await list('state=paused,cancelled&filename=clase')).items).toHaveLength(4);
  expect((await list('filename=CLASE%201')).items.map((u) => u.filename).sort()).toEqual([
    'Clase 1 100%_ñ.mp4',
    'Clase 10 100%_ñ.mp4',
    'Clase 11 100%_ñ.mp4',
  ]);
  expect((await list(`filename=${encodeURIComponent('100%_')}`)).items).toHaveLength(12);
  expect((await list(`filename=${encodeURIComponent('%')}&limit=200`)).items, 'a percent sign is itself').toHaveLength(
    12,
  );
  expect((await list(`filename=${encodeURIComponent("' or 1=1 --")}`)).items).toEqual([]);
  const { items } = await list('state=completed&limit=1');
  expect(items[0]).not.toHaveProperty('missing');
});

it.each([
  'limit=0',
  'limit=201',
  'limit=-1',
  'limit=1.5',
  'limit=many',
  'state=nope',
  'state=',
  'state=paused,',
  `filename=${'x'.repeat(257)}`,
  `cursor=${'x'.repeat(513)}`,
])('uploads?%s is refused', async (query) => {
  expectProblem(await node.json('GET', `/v1/uploads?${query}`), 400, 'invalid-request');
});

const cursors = [
  'nonsense',
  '%00',
  encodeURIComponent('{"a":1}'),
  Buffer.from('[1,2,3]').toString('base64url'),
  Buffer.from('{"at":"x","id":5}').toString('base64url'),
  '=====',
];
it.each(cursors)('a cursor that nobody gave out (%s) is refused, not an error of ours', async (cursor) => {
  for (const path of ['/v1/uploads', '/v1/assets', '/v1/runs'])
    expectProblem(await node.json('GET', `${path}?cursor=${cursor}`), 400, 'invalid-request');
});

test('assets: pages and filter', async () => {
  const first = (await node.json<AssetList>('GET', '/v1/assets?limit=3')).body;
  const second = (
    await node.json<AssetList>('GET', `/v1/assets?limit=3&cursor=${encodeURIComponent(first.cursor ?? '')}`)
  ).body;
  expect([...first.items, ...second.items].map((a) => a.filename)).toEqual([
    'asset-4.bin',
    'asset-3.bin',
    'asset-2.bin',
    'asset-1.bin',
    'asset-0.bin',
  ]);
  expect(second.cursor).toBeNull();
  expect((await node.json<AssetList>('GET', '/v1/assets?filename=ASSET-3')).body.items).toHaveLength(1);
});

it.each([
  '/v1/runs?since=yesterday',
  '/v1/runs?state=nope',
  '/v1/runs?limit=0',
  '/v1/events?after=-1',
  '/v1/events?limit=1001',
  '/v1/events?after=x',
])('%s is refused', async (path) => {
  expectProblem(await node.json('GET', path), 400, 'invalid-request');
});

test('unknown runs, assets and artifacts', async () => {
  const digest = 'ab'.repeat(32);
  expectProblem(await node.json('GET', '/v1/runs/nope'), 404, 'run-not-found');
  expectProblem(await node.json('POST', '/v1/runs/nope/retry'), 404, 'run-not-found');
  expectProblem(await node.json('GET', '/v1/runs/nope/events'), 404, 'run-not-found');
  for (const path of ['', '/content', '/runs', '/artifacts', '/artifacts/x/y'])
    for (const id of [digest, 'nope', digest.toUpperCase()])
      expectProblem(await node.json('GET', `/v1/assets/${id}${path}`), 404, 'asset-not-found');
  const asset = (await node.json<AssetList>('GET', '/v1/assets')).body.items[0];
  for (const name of ['x', '..%2f..%2fstate.db', '%00'])
    expectProblem(
      await node.json('GET', `/v1/assets/${asset?.id}/artifacts/${'0'.repeat(64)}/${name}`),
      404,
      'artifact-not-found',
    );
});
