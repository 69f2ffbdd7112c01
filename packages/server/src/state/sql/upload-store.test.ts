import { afterAll } from 'vitest';
import { brokenUploadStores } from '../../testing/broken-upload-stores.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';
import type { UploadStores } from '../../testing/upload-store-subject.ts';
import { registerUploadStoreSuite, uploadStoreSuite } from '../../testing/upload-store-suite.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<UploadStores>> {
  const { subject, close } = await open;
  const { one, two } = subject;
  const stores = { store: one.uploads, other: two.uploads, tokens: one.tokens, otherTokens: two.tokens };
  return { subject: stores, close };
}

registerUploadStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerUploadStoreSuite('PostgreSQL', () => stores(postgres.twoStates()));
registerBroken(
  uploadStoreSuite('SQLite', () => stores(twoSqliteStates())),
  brokenUploadStores,
);
