import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';
import type { WatchStores } from '../../testing/watch-store-subject.ts';
import { brokenWatchStores, watchStoreSuite } from '../../testing/watch-store-suite.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<WatchStores>> {
  const { subject, close } = await open;
  const { watch, uploads, ledger } = subject.one;
  return { subject: { watch, uploads, ledger }, close };
}

const sqlite = watchStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(watchStoreSuite('PostgreSQL', () => stores(postgres.twoStates())));
registerBroken(sqlite, brokenWatchStores);
