import { afterAll } from 'vitest';
import { brokenSearchStores } from '../../testing/broken-search-stores.ts';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import { type SearchStores, searchStoreSuite } from '../../testing/search-store-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

/** What one process writes the other one finds. */
async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<SearchStores>> {
  const { subject, close } = await open;
  return { subject: { search: subject.two.search, ledger: subject.one.ledger, uploads: subject.one.uploads }, close };
}

const sqlite = searchStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(searchStoreSuite('PostgreSQL', () => stores(postgres.twoStates())));
registerBroken(sqlite, brokenSearchStores);
