import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import { SharedPostgres, sqliteFile, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';
import {
  brokenUploadLocks,
  type Locks,
  registerUploadLocksSuite,
  uploadLocksSuite,
} from '../../testing/upload-locks-suite.ts';
import { MemoryUploadLocks } from '../memory/upload-locks.ts';
import { SqliteEngine } from './sqlite.ts';
import { SqlUploadLocks } from './upload-locks.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function shared(open: Promise<Fixture<TwoStates>>): Promise<Fixture<Locks>> {
  const { subject, close } = await open;
  return { subject: { locks: subject.one.locks, other: subject.two.locks }, close };
}

async function inMemory(): Promise<Fixture<Locks>> {
  const locks = new MemoryUploadLocks(systemClock);
  return { subject: { locks, other: locks }, close: async () => {} };
}

registerUploadLocksSuite('memory', inMemory);
registerUploadLocksSuite('SQLite', () => shared(twoSqliteStates()));
registerUploadLocksSuite('PostgreSQL', () => shared(postgres.twoStates()));
registerBroken(uploadLocksSuite('memory', inMemory), brokenUploadLocks);

describe('locks of several processes', () => {
  const deaf = { waitMs: 3_000, letGo: () => {} };
  const impatient = { waitMs: 50, letGo: () => {} };

  /** Two processes on one file whose locks are good for a short time. */
  async function shortLived(run: (one: SqlUploadLocks, two: SqlUploadLocks) => Promise<void>): Promise<void> {
    const { file, remove } = await sqliteFile();
    const engine = await SqliteEngine.open(file);
    const open = (process: string) => new SqlUploadLocks(engine, { clock: systemClock, process, goodForMs: 900 });
    const [one, two] = [open('one'), open('two')];
    try {
      await run(one, two);
    } finally {
      one.close();
      two.close();
      await engine.close();
      await remove();
    }
  }

  it('can be taken by force from a process that is gone, but only once they have run out', () =>
    shortLived(async (one, two) => {
      const lost = await one.acquire('u', deaf);
      if (typeof lost === 'string') throw new Error(lost);
      // A process that is gone does not renew its locks any more.
      one.close();
      expect(await two.acquire('u', impatient)).toBe('busy');
      expect(lost.isValid()).toBe(true);
      const lock = await two.acquire('u', deaf);
      expect(lock).toMatchObject({ forced: true });
      expect(lost.isValid()).toBe(false);
      await lost.release();
      expect(await two.acquire('u', impatient)).toBe('busy');
    }));

  it('are renewed for as long as their process lives', () =>
    shortLived(async (one, two) => {
      const lock = await one.acquire('u', deaf);
      if (typeof lock === 'string') throw new Error(lock);
      expect(await two.acquire('u', { waitMs: 2_000, letGo: () => {} })).toBe('busy');
      expect(lock.isValid()).toBe(true);
      await lock.release();
      expect(await two.acquire('u', impatient)).toMatchObject({ forced: false });
    }));

  it('one that was forfeited is taken by force', () =>
    shortLived(async (one, two) => {
      const lock = await one.acquire('u', deaf);
      if (typeof lock === 'string') throw new Error(lock);
      await lock.forfeit();
      expect(await two.acquire('u', impatient)).toMatchObject({ forced: true });
    }));

  it('a process that was stopped for too long does not get its lock back by renewing it', () =>
    shortLived(async (one, two) => {
      const lock = await one.acquire('u', deaf);
      if (typeof lock === 'string') throw new Error(lock);
      one.close();
      const taken = await two.acquire('u', deaf);
      expect(taken).toMatchObject({ forced: true });
      // It wakes up: another lock starts its timer again.
      await one.acquire('other', deaf);
      await new Promise((resolve) => systemClock.after(600, () => resolve(null)));
      expect(lock.isValid()).toBe(false);
    }));
});
