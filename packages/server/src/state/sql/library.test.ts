import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import { brokenLibraryStores, type Libraries, libraryStoreSuite } from '../../testing/library-store-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

/** What one process writes the other one finds. */
async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<Libraries>> {
  const { subject, close } = await open;
  return { subject: { uploads: subject.one.uploads, library: subject.two.library }, close };
}

const sqlite = libraryStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(libraryStoreSuite('PostgreSQL', () => stores(postgres.twoStates())));
registerBroken(sqlite, brokenLibraryStores);
