/**
 * The list of assets: a filter, pages that were loaded so far, loading again when something arrives. What is asked for last wins;
 * answers to an older filter are thrown away.
 */
import type { Asset } from '@holdfast/protocol';
import type { Api } from '../api/api.ts';
import { type ApiError, isApiError } from '../api/api-error.ts';
import { createStore, type Watchable } from '../state/store.ts';

export interface LibraryFilter {
  /** Part of the name. */
  readonly filename: string;
  /** Null: of every kind. */
  readonly kind: AssetKind | null;
  /** Null: whatever its state. */
  readonly stage: Stage | null;
}

export type AssetKind = 'video' | 'audio' | 'other';
/** How the processing of an asset stands. */
export type Stage = 'running' | 'failed' | 'done';

export interface LibraryState {
  readonly filter: LibraryFilter;
  readonly items: readonly Asset[];
  /** Null: there are no more. */
  readonly cursor: string | null;
  readonly loading: 'first' | 'more' | 'again' | null;
  readonly error: ApiError | null;
}

export interface Library extends Watchable<LibraryState> {
  narrow(change: Partial<LibraryFilter>): void;
  loadMore(): void;
  /** What is shown, anew. */
  refresh(): void;
}

export const pageSize = 24;
// The server's largest page: a list that was opened further is cut to it by a refresh.
const refreshMax = 192;

export function createLibrary(api: Pick<Api, 'assets'>): Library {
  const filter: LibraryFilter = { filename: '', kind: null, stage: null };
  const start: LibraryState = { filter, items: [], cursor: null, loading: 'first', error: null };
  const store = createStore(start);
  let asked = 0;
  // Whether what is shown is of the filter, and whether it is to be loaded again after the next page.
  let known = false;
  let due = false;

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
      const page = await api.assets({ ...filter, cursor: loading === 'more' ? cursor : null, limit });
      if (mine !== asked) return;
      known = true;
      store.update((state) => ({
        ...state,
        items: merge(page.items),
        cursor: page.cursor,
        loading: null,
        error: null,
      }));
    } catch (error) {
      if (!isApiError(error)) throw error;
      if (mine !== asked) return;
      // Files of another filter under this one would be a wrong answer.
      const shown = known ? {} : { items: [], cursor: null };
      store.update((state) => ({ ...state, ...shown, loading: null, error }));
    }
    if (due) refresh();
  };

  const refresh = () => {
    const { items, loading } = store.getSnapshot();
    due = loading === 'more';
    if (due) return;
    const shown = Math.ceil(Math.max(items.length, 1) / pageSize) * pageSize;
    const limit = known ? Math.min(shown, refreshMax) : pageSize;
    void ask(known ? 'again' : 'first', limit, (fresh) => fresh);
  };

  return {
    ...store,
    narrow(change) {
      const { filter } = store.getSnapshot();
      const narrowed = { ...filter, ...change };
      if (filter.filename === narrowed.filename && filter.kind === narrowed.kind && filter.stage === narrowed.stage)
        return;
      store.update((state) => ({ ...state, filter: narrowed }));
      known = false;
      due = false;
      void ask('first', pageSize, (items) => items);
    },
    loadMore() {
      const { items, cursor, loading } = store.getSnapshot();
      // The place of another filter's list leads nowhere in this one.
      if (cursor === null || loading === 'more' || !known) return;
      due = loading === 'again';
      void ask('more', pageSize, (more) => withoutRepeats([...items, ...more]));
    },
    refresh,
  };
}

/** Something that arrived between two pages moves the last one of the first page to the second. */
function withoutRepeats(items: readonly Asset[]): Asset[] {
  return [...new Map(items.map((asset) => [asset.id, asset])).values()];
}
