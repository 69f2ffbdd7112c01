/** The lease of whoever finishes an upload, when the database is away for a moment. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultLimits } from '../src/core/limits.ts';
import { noCrashPoints } from '../src/core/ports/crash-points.ts';
import { silentLog } from '../src/core/ports/log.ts';
import { noTracing } from '../src/core/ports/tracing.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { openSqliteState, type State } from '../src/state/sql/open.ts';
import { sampleUpload } from '../src/testing/sample-upload.ts';
import { instead } from '../src/testing/stand-in.ts';
import { sqliteFile } from '../src/testing/test-state.ts';
import type { UploadDependencies } from '../src/uploads/dependencies.ts';
import { Finisher } from '../src/uploads/finish.ts';

let state: State;
let remove: () => Promise<void>;
beforeAll(async () => {
  const made = await sqliteFile();
  remove = made.remove;
  state = await openSqliteState({ file: made.file, clock: systemClock });
});
afterAll(async () => {
  await state.close();
  await remove();
});

it('is renewed again after a renewal that failed: nobody takes the upload over meanwhile', async () => {
  const now = systemClock.now();
  const lease = { holder: 'node-a', until: now + 900 };
  const received = { receivedBytes: 1600, receivedExtents: 16, firstByteAt: now, lastByteAt: now };
  const phase = { name: 'assembling', lease, digest: 'a'.repeat(64) } as const;
  const upload = sampleUpload({ ...received, phase });
  await state.uploads.create(upload, [], [], 1_000);
  let failures = 1;
  const store = instead(state.uploads, {
    decide: async (...args) => {
      failures -= 1;
      if (failures >= 0) throw new Error('The database does not answer.');
      return state.uploads.decide(...args);
    },
  });
  const placing = Promise.withResolvers<void>();
  const deps = {
    store,
    blobs: { place: () => placing.promise, lost: () => [] },
    clock: systemClock,
    limits: { ...defaultLimits, finishLeaseMs: 900 },
    log: silentLog,
    tracing: noTracing,
    crash: noCrashPoints,
    holder: lease.holder,
  } as unknown as UploadDependencies;
  const finisher = new Finisher(deps, () => {});
  finisher.start(upload, null);
  const until = async () => {
    const found = (await state.uploads.find(upload.id))?.phase;
    return found?.name === 'assembling' ? found.lease.until : null;
  };
  await expect.poll(until, { timeout: 5_000 }).toBeGreaterThan(lease.until);
  placing.reject(new Error('enough'));
  await finisher.idle();
});
