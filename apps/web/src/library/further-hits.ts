/** The pages of a search behind the first one. Each search has its own: what was asked for other words is of no concern to it. */
import type { SearchHit, SearchResults } from '@holdfast/protocol';
import { messageOf } from '../api/api-error.ts';
import { createStore, type Watchable } from '../state/store.ts';

export interface FurtherState {
  readonly pages: readonly SearchResults[];
  readonly loading: boolean;
  /** Why the last page could not be had; null when it could. */
  readonly problem: string | null;
}

export interface FurtherHits extends Watchable<FurtherState> {
  /** One page at a time: a second press means the same. */
  more(cursor: string): void;
}

/** Which place a hit is. */
export function hitId({ assetId, kind, start, time, text }: SearchHit): string {
  return JSON.stringify([assetId, kind, start, time, text]);
}

/** What becomes searchable between two pages moves the last ones of the first page to the second. */
export function hitsOf(pages: readonly SearchResults[]): SearchHit[] {
  return [...new Map(pages.flatMap(({ items }) => items).map((hit) => [hitId(hit), hit])).values()];
}

export function createFurtherHits(ask: (cursor: string) => Promise<SearchResults>): FurtherHits {
  const store = createStore<FurtherState>({ pages: [], loading: false, problem: null });
  const load = async (cursor: string) => {
    store.update((state) => ({ ...state, loading: true }));
    try {
      const page = await ask(cursor);
      store.update(({ pages }) => ({ pages: [...pages, page], loading: false, problem: null }));
    } catch (error) {
      store.update((state) => ({ ...state, loading: false, problem: messageOf(error) }));
    }
  };
  return {
    ...store,
    more(cursor) {
      if (!store.getSnapshot().loading) void load(cursor);
    },
  };
}
