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
    narrow(change) {
      const { filter } = store.getSnapshot();
      const narrowed = { ...filter, ...change };
      if (filter.filename === narrowed.filename && filter.kind === narrowed.kind && filter.stage === narrowed.stage)
        return;
      store.update((state) => ({ ...state, filter: narrowed }));
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
