/** Search over HTTP: names, scope, pages, refusals. What is said and read is searched in the tests of the steps and of the stores. */
import { createHash } from 'node:crypto';
import type { Problem, SearchResults } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { RunningNode, someBytes } from './running-node.ts';

const keys = { ana: 'the-key-of-ana-is-long', ben: 'the-key-of-ben-is-long' };
let node: RunningNode;
beforeAll(async () => {
  const apiKeys = Object.entries(keys).map(([principal, key]) => ({
    principal,
    sha256: createHash('sha256').update(key).digest('hex'),
  }));
  node = await RunningNode.start({ config: { apiKeys, pipeline: true, speechEngine: 'none', textEngine: 'none' } });
  for (const [i, name] of ['Budget 2026.txt', 'Budget café.txt', 'Holiday.txt'].entries())
    await node.as(keys.ana).upload(someBytes(100 + i), { filename: name, contentType: 'text/plain' });
  await vi.waitFor(async () => expect((await search('ana', 'q=budget')).items).toHaveLength(2), {
    timeout: 30_000,
    interval: 50,
  });
});
afterAll(() => node.close());

async function search(who: keyof typeof keys, query: string): Promise<SearchResults> {
  const { status, body } = await node.as(keys[who]).json<SearchResults>('GET', `/v1/search?${query}`);
  expect(status).toBe(200);
  return body;
}

it('finds names with their places in the text', async () => {
  const [hit] = (await search('ana', 'q=CAFE')).items;
  expect(hit).toMatchObject({
    filename: 'Budget café.txt',
    kind: 'name',
    time: null,
    start: null,
    text: 'Budget café.txt',
    highlights: [[7, 11]],
  });
  expect((await search('ana', 'q=budget&kind=speech')).items).toEqual([]);
  const inside = (await search('ana', `q=budget&asset=${hit?.assetId}`)).items;
  expect(inside.map((each) => each.filename)).toEqual(['Budget café.txt']);
});

it('narrows what is found to kinds of places, kinds of files and states of their runs', async () => {
  const names = async (query: string) => (await search('ana', `q=budget&${query}`)).items.length;
  expect(await names('kind=name,speech')).toBe(2);
  expect(await names('kind=screen,speech')).toBe(0);
  expect(await names('assetKind=other')).toBe(2);
  expect(await names('assetKind=video')).toBe(0);
  expect(await names('run=cancelled')).toBe(0);
});

it('shows nobody what belongs to others', async () => {
  expect((await search('ben', 'q=budget')).items).toEqual([]);
  expect((await node.fetch('/v1/search?q=budget')).status).toBe(401);
});

it('gives pages', async () => {
  const first = await search('ana', 'q=budget&limit=1');
  const second = await search('ana', `q=budget&limit=1&cursor=${first.cursor}`);
  expect([...first.items, ...second.items].map((hit) => hit.filename).sort()).toEqual([
    'Budget 2026.txt',
    'Budget café.txt',
  ]);
  expect(second.cursor).toBeNull();
});

it.each([
  'q=',
  'q=-budget',
  'q=%22%22',
  `q=${'a'.repeat(600)}`,
  'q=a&cursor=nonsense',
  'q=a&limit=0',
  'q=a&kind=all',
  'q=a&kind=name,',
  'q=a&assetKind=film',
  'q=a&run=over',
  'q=a&asset=1',
  '',
])('refuses %s and names the field', async (query) => {
  const { status, body } = await node.as(keys.ana).json<Problem>('GET', `/v1/search?${query}`);
  expect([status, body.code]).toEqual([400, 'invalid-request']);
});
