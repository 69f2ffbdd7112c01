/**
 * The list of assets: a filter, pages that were loaded so far, loading again when something arrives. What is asked for last wins;
 * answers to an older filter are thrown away.
 */
import type { Asset } from '@holdfast/protocol';
import type { Api } from '../api/api.ts';
import { type ApiError, isApiError } from '../api/api-error.ts';
import { createStore, type Watchable } from '../state/store.ts';

export interface LibraryState {
  readonly filter: string;
  readonly items: readonly Asset[];
  /** Null: there are no more. */
  readonly cursor: string | null;
  readonly loading: 'first' | 'more' | 'again' | null;
  readonly error: ApiError | null;
}

export interface Library extends Watchable<LibraryState> {
  setFilter(filter: string): void;
  loadMore(): void;
  /** What is shown, anew. */
  refresh(): void;
}

export const pageSize = 24;
// The server's largest page: a list that was opened further is cut to it by a refresh.
const refreshMax = 192;

export function createLibrary(api: Pick<Api, 'assets'>): Library {
  const start: LibraryState = { filter: '', items: [], cursor: null, loading: 'first', error: null };
  const store = createStore(start);
  let asked = 0;

  const ask = async (
    loading: 'first' | 'more' | 'again',
    limit: number,
    merge: (items: readonly Asset[]) => readonly Asset[],
  ) => {
    asked += 1;
    const mine = asked;
    const { filter, cursor } = store.getSnapshot();
    store.update((state) => ({ ...state, loading }));
    try {
      const page = await api.assets({ filename: filter, cursor: loading === 'more' ? cursor : null, limit });
      if (mine !== asked) return;
      store.update((state) => ({
        ...state,
        items: merge(page.items),
        cursor: page.cursor,
        loading: null,
        error: null,
      }));
    } catch (error) {
      if (!isApiError(error)) throw error;
      if (mine === asked) store.update((state) => ({ ...state, loading: null, error }));
    }
  };

  return {
    ...store,
    setFilter(filter) {
      if (filter === store.getSnapshot().filter) return;
      store.update((state) => ({ ...state, filter }));
      void ask('first', pageSize, (items) => items);
    },
    loadMore() {
      const { items, cursor, loading } = store.getSnapshot();
      if (cursor === null || loading === 'more') return;
      void ask('more', pageSize, (more) => withoutRepeats([...items, ...more]));
    },
    refresh() {
      const { items } = store.getSnapshot();
      const shown = Math.ceil(Math.max(items.length, 1) / pageSize) * pageSize;
      void ask(items.length === 0 ? 'first' : 'again', Math.min(shown, refreshMax), (fresh) => fresh);
    },
  };
}

/** Something that arrived between two pages moves the last one of the first page to the second. */
function withoutRepeats(items: readonly Asset[]): Asset[] {
  return [...new Map(items.map((asset) => [asset.id, asset])).values()];
}
