import type { Asset, AssetList } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import type { AssetQuery } from '../api/api.ts';
import { ApiError } from '../api/api-error.ts';
import { createLibrary } from './library.ts';

interface Question {
  readonly query: AssetQuery;
  answer(ids: readonly string[], cursor?: string | null): Promise<void>;
  fail(): Promise<void>;
}

function setup() {
  const questions: Question[] = [];
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const library = createLibrary({
    assets: (query) => {
      const { promise, resolve, reject } = Promise.withResolvers<AssetList>();
      questions.push({
        query,
        answer(ids, cursor = null) {
          resolve({ items: ids.map((id) => ({ id }) as Asset), cursor });
          return settle();
        },
        fail() {
          reject(new ApiError('unreachable', 'away'));
          return settle();
        },
      });
      return promise;
    },
  });
  const ids = () => library.getSnapshot().items.map((asset) => asset.id);
  const question = (index: number) => {
    const found = questions[index];
    if (found === undefined) throw new Error(`no question ${index}`);
    return found;
  };
  return { library, questions, question, ids };
}

it('loads page after page, each asset once', async () => {
  const { library, question, ids } = setup();
  library.refresh();
  await question(0).answer(['a', 'b'], 'next');
  library.loadMore();
  library.loadMore();
  expect(question(1).query.cursor).toBe('next');
  await question(1).answer(['b', 'c']);
  expect(ids()).toEqual(['a', 'b', 'c']);
  library.loadMore();
  expect(library.getSnapshot().loading).toBeNull();
});

it('throws away answers to an older filter', async () => {
  const { library, question, ids } = setup();
  library.narrow({ filename: 'fi' });
  library.narrow({ filename: 'film' });
  await question(1).answer(['film']);
  await question(0).answer(['fi', 'film']);
  expect(ids()).toEqual(['film']);
});

it('keeps what it shows when a refresh fails', async () => {
  const { library, question, ids } = setup();
  library.refresh();
  await question(0).answer(['a']);
  library.refresh();
  expect(library.getSnapshot().loading).toBe('again');
  await question(1).fail();
  expect(ids()).toEqual(['a']);
  expect(library.getSnapshot().error?.kind).toBe('unreachable');
  library.refresh();
  await question(2).answer(['b', 'a']);
  expect(library.getSnapshot()).toMatchObject({ error: null, loading: null });
});

it('narrows by kind and by state, and asks again only when something changes', async () => {
  const { library, questions, question, ids } = setup();
  library.narrow({ kind: 'video' });
  library.narrow({ kind: 'video' });
  library.narrow({ stage: 'failed' });
  expect(questions.map(({ query }) => [query.kind, query.stage])).toEqual([
    ['video', null],
    ['video', 'failed'],
  ]);
  await question(0).answer(['a']);
  expect(ids()).toEqual([]);
});

it('shows nothing of another filter when what was asked for cannot be had', async () => {
  const { library, question, ids } = setup();
  library.refresh();
  await question(0).answer(['film', 'text'], 'next');
  library.narrow({ filename: 'fever' });
  // The place in the other list is of no use in this one.
  library.loadMore();
  await question(1).fail();
  expect(ids()).toEqual([]);
  expect(library.getSnapshot()).toMatchObject({ cursor: null, loading: null, error: { kind: 'unreachable' } });
  library.refresh();
  expect(library.getSnapshot().loading).toBe('first');
  await question(2).answer(['fever']);
  expect(ids()).toEqual(['fever']);
});

it('loads the next page also while files arrive, and shows these as well', async () => {
  const { library, question, questions, ids } = setup();
  library.refresh();
  await question(0).answer(['b'], 'next');
  library.loadMore();
  library.refresh();
  await question(1).answer(['c']);
  expect(ids()).toEqual(['b', 'c']);
  await question(2).answer(['a', 'b', 'c'], 'next');
  expect(ids()).toEqual(['a', 'b', 'c']);
  library.refresh();
  library.loadMore();
  await question(4).answer(['d']);
  expect(question(5).query.cursor).toBeNull();
  await question(5).answer(['new', 'a', 'b', 'c', 'd']);
  expect(ids()).toEqual(['new', 'a', 'b', 'c', 'd']);
  expect(questions).toHaveLength(6);
});

it('goes on saying that there is nothing while it looks again', async () => {
  const { library, question } = setup();
  library.narrow({ filename: 'nothing' });
  await question(0).answer([]);
  library.refresh();
  expect(library.getSnapshot().loading).toBe('again');
});
