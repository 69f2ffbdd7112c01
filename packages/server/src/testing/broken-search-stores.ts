/** Search stores that break one obligation each: the suite has to fail on every one of them. */
import type { BrokenAdapter } from './conformance.ts';
import { follows, late, type SearchStores, scope } from './search-store-suite.ts';
import { instead } from './stand-in.ts';

export const brokenSearchStores: readonly BrokenAdapter<SearchStores>[] = [
  {
    name: 'shows everybody everything',
    caughtBy: scope,
    break: (stores) => {
      const principals = new Set<string>();
      const search = instead(stores.search, {
        search: async (request) => {
          principals.add(request.principal);
          const found = await Promise.all(
            [...principals].map((principal) => stores.search.search({ ...request, principal })),
          );
          return found.flat();
        },
      });
      return { ...stores, search };
    },
  },
  {
    name: 'lets a late index win',
    caughtBy: late,
    break: (stores) => {
      const search = instead(stores.search, {
        replace: (outdated, passages) =>
          stores.search.replace(
            { ...outdated, wanted: outdated.wanted + 1_000_000 * Math.ceil(passages.length / 2) },
            passages,
          ),
      });
      return { ...stores, search };
    },
  },
  {
    name: 'forgets what steps leave',
    caughtBy: follows,
    break: (stores) => ({ ...stores, search: instead(stores.search, { outdated: async () => [] }) }),
  },
];
