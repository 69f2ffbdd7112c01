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
