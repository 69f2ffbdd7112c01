import { afterAll } from 'vitest';
import { brokenUploadStores } from '../../testing/broken-upload-stores.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import { SharedRedis } from '../../testing/test-redis-state.ts';
import { SharedPostgres, type TwoStates } from '../../testing/test-state.ts';
import type { UploadStores } from '../../testing/upload-store-subject.ts';
import { registerUploadStoreSuite, uploadStoreSuite } from '../../testing/upload-store-suite.ts';

const redis = new SharedRedis();
const postgres = new SharedPostgres();
afterAll(async () => {
  await redis.stop();
  await postgres.stop();
});

async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<UploadStores>> {
  const { subject, close } = await open;
  const { one, two } = subject;
  const stores = { store: one.uploads, other: two.uploads, tokens: one.tokens, otherTokens: two.tokens };
  return { subject: stores, close };
}

async function besidePostgres(): Promise<Fixture<TwoStates>> {
  return redis.twoStates({ kind: 'postgres', url: await postgres.createDatabase() });
}

registerUploadStoreSuite('Redis with SQLite (E2)', () => stores(redis.twoStates()));
registerUploadStoreSuite('Redis with PostgreSQL (E2)', () => stores(besidePostgres()));

/** Each is found out beside SQLite; these are about what is done in other ways here. */
const telling = [
  'decides outside the lock and then writes',
  'reads, modifies and writes a counter',
  'does not persist events',
  'inserts before it deletes',
  'completes without starting the runs',
  'now and then passes over an event',
];
registerBroken(
  uploadStoreSuite('Redis', () => stores(redis.twoStates())),
  brokenUploadStores.filter(({ name }) => telling.includes(name)),
);
