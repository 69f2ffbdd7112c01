import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import { brokenDeletionStores, type DeletionStores, deletionStoreSuite } from '../../testing/deletion-store-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

/** What one process writes the other one finds. */
async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<DeletionStores>> {
  const { subject, close } = await open;
  const { ledger, search, uploads } = subject.two;
  return { subject: { deletions: subject.one.deletions, ledger, search, uploads }, close };
}

const sqlite = deletionStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(deletionStoreSuite('PostgreSQL', () => stores(postgres.twoStates())));
registerBroken(sqlite, brokenDeletionStores);
