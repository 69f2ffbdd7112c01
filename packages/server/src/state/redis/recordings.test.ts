import { afterAll } from 'vitest';
import { type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import {
  brokenRecordingStores,
  type RecordingStores,
  recordingStoreSuite,
} from '../../testing/recording-store-suite.ts';
import { SharedRedis } from '../../testing/test-redis-state.ts';

const redis = new SharedRedis();
afterAll(() => redis.stop());

/** What one process writes the other one finds. */
async function stores(): Promise<Fixture<RecordingStores>> {
  const { subject, close } = await redis.twoStates();
  return { subject: { uploads: subject.one.uploads, recordings: subject.two.recordings }, close };
}

const suite = recordingStoreSuite('Redis', stores);
registerSuite(suite);
registerBroken(suite, brokenRecordingStores);
