import type { SearchResults } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { createFurtherHits, hitsOf } from './further-hits.ts';

const page = (cursor: string) => ({ items: [], cursor }) as unknown as SearchResults;
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

it('asks for each page once, however often somebody presses', async () => {
  const asked: string[] = [];
  const hits = createFurtherHits(async (cursor) => {
    asked.push(cursor);
    return page(`${cursor}+`);
  });
  hits.more('a');
  hits.more('a');
  await settle();
  expect(asked).toEqual(['a']);
  hits.more('a+');
  await settle();
  expect(hits.getSnapshot().pages.map(({ cursor }) => cursor)).toEqual(['a+', 'a++']);
});

it('tells why a page could not be had, until it can', async () => {
  let away = true;
  const hits = createFurtherHits(async () => {
    if (away) throw new ApiError('unreachable', 'The server cannot be reached.');
    return page('b');
  });
  hits.more('a');
  await settle();
  expect(hits.getSnapshot()).toEqual({ pages: [], loading: false, problem: 'The server cannot be reached.' });
  away = false;
  hits.more('a');
  await settle();
  expect(hits.getSnapshot()).toEqual({ pages: [page('b')], loading: false, problem: null });
});

it('shows a place once that has moved to the next page meanwhile', () => {
  const hit = (assetId: string, time: number) => ({ assetId, kind: 'speech', start: 1, time, text: 'tree' });
  const pages = [
    [hit('a', 1), hit('b', 1)],
    [hit('b', 1), hit('b', 2)],
  ].map((items) => ({ items, cursor: null }));
  expect(hitsOf(pages as unknown as SearchResults[])).toEqual([hit('a', 1), hit('b', 1), hit('b', 2)]);
});
