/** The pages of a search behind the first one. Each search has its own: what was asked for other words is of no concern to it. */
import type { SearchResults } from '@holdfast/protocol';
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
