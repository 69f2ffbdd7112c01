import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import {
  brokenRecordingStores,
  type RecordingStores,
  recordingStoreSuite,
} from '../../testing/recording-store-suite.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

/** What one process writes the other one finds. */
async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<RecordingStores>> {
  const { subject, close } = await open;
  return { subject: { uploads: subject.one.uploads, recordings: subject.two.recordings }, close };
}

const sqlite = recordingStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerSuite(sqlite);
registerSuite(recordingStoreSuite('PostgreSQL', () => stores(postgres.twoStates())));
registerBroken(sqlite, brokenRecordingStores);
