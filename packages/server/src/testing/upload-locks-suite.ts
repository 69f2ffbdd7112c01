/** The conformance suite of `UploadLocks`. */
import { expect } from 'vitest';
import type { UploadLock, UploadLocks } from '../core/ports/upload-locks.ts';
import { type BrokenAdapter, type Check, type Fixture, registerSuite, type Suite } from './conformance.ts';
import { unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

export interface Locks {
  readonly locks: UploadLocks;
  /** Locks of another process on the same uploads; the same object when there can be no other process. */
  readonly other: UploadLocks;
}

const waitMs = 10_000;
const deaf = { waitMs, letGo: () => {} };

async function held(locks: UploadLocks, id: string, letGo: () => void = () => {}): Promise<UploadLock> {
  const lock = await locks.acquire(id, { waitMs, letGo });
  if (typeof lock === 'string') throw new Error(`The lock should have been granted: ${lock}.`);
  return lock;
}

/** A holder that lets go as soon as it is asked. */
async function polite(locks: UploadLocks, id: string): Promise<{ lock: UploadLock; asked: Promise<void> }> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const lock = await held(locks, id, resolve);
  return { lock, asked: asked.then(() => lock.release()) };
}

export const uploadLocksChecks: readonly Check<Locks>[] = [
  {
    name: 'an upload has one holder at a time, in all processes',
    run: async ({ locks, other }) => {
      const id = unique('upload');
      let inside = 0;
      let most = 0;
      const turns = Array.from({ length: 12 }, async (_, i) => {
        const lock = await (i % 2 === 0 ? locks : other).acquire(id, deaf);
        if (typeof lock === 'string') return;
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inside -= 1;
        await lock.release();
      });
      await Promise.all(turns);
      expect(most).toBe(1);
    },
  },
  {
    name: 'the holder is asked to let go, and the next one has the lock as soon as it did',
    run: async ({ locks, other }) => {
      const id = unique('upload');
      for (const next of [locks, other, locks]) {
        const { asked } = await polite(locks, id);
        const since = performance.now();
        const lock = await held(next, id);
        await asked;
        expect(performance.now() - since).toBeLessThan(1_200);
        expect(lock.forced).toBe(false);
        await lock.release();
      }
    },
  },
  {
    name: 'nobody is asked when nobody else comes',
    run: async ({ locks }) => {
      let asked = 0;
      const lock = await held(locks, unique('upload'), () => {
        asked += 1;
      });
      await (await held(locks, unique('upload'))).release();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(asked).toBe(0);
      expect(lock.isValid()).toBe(true);
      await lock.release();
    },
  },
  {
    name: 'a holder that does not let go in time keeps the lock, and is asked once',
    run: async ({ locks, other }) => {
      const id = unique('upload');
      let asked = 0;
      const lock = await held(locks, id, () => {
        asked += 1;
      });
      for (const next of [locks, other, locks])
        expect(await next.acquire(id, { waitMs: 400, letGo: () => {} })).toBe('busy');
      expect(asked).toBe(1);
      expect(lock.isValid()).toBe(true);
      await lock.release();
      await (await held(other, id)).release();
      await (await held(locks, id)).release();
    },
  },
  {
    name: 'of those that wait within a process, the newest gets the lock',
    run: async ({ locks }) => {
      const id = unique('upload');
      const lock = await held(locks, id);
      const waiting = [1, 2, 3].map(() => locks.acquire(id, deaf));
      await lock.release();
      const [first, second, third] = await Promise.all(waiting);
      expect([first, second]).toEqual(['superseded', 'superseded']);
      if (typeof third !== 'object') throw new Error(`The newest did not get it: ${third}.`);
      await third.release();
    },
  },
  {
    name: 'one that took over is asked in its turn',
    run: async ({ locks, other }) => {
      const id = unique('upload');
      const first = await polite(locks, id);
      const second = await polite(other, id);
      await first.asked;
      const third = await held(locks, id);
      await second.asked;
      await third.release();
    },
  },
  {
    name: 'other uploads are not held up',
    run: async ({ locks, other }) => {
      const all = await Promise.all([locks, locks, other].map((one) => held(one, unique('upload'))));
      await Promise.all(all.map((lock) => lock.release()));
    },
  },
  {
    name: 'releasing twice does not release the next holder',
    run: async ({ locks }) => {
      const id = unique('upload');
      const first = await held(locks, id);
      await first.release();
      const second = await held(locks, id);
      await first.release();
      await first.forfeit();
      expect(await locks.acquire(id, { waitMs: 20, letGo: () => {} })).toBe('busy');
      await second.release();
    },
  },
];

export function uploadLocksSuite(name: string, open: () => Promise<Fixture<Locks>>): Suite<Locks> {
  return { name: `UploadLocks on ${name}`, checks: uploadLocksChecks, open };
}

export function registerUploadLocksSuite(name: string, open: () => Promise<Fixture<Locks>>): void {
  registerSuite(uploadLocksSuite(name, open));
}

function both(change: (locks: UploadLocks) => Partial<UploadLocks>): (subject: Locks) => Locks {
  return ({ locks, other }) => ({ locks: instead(locks, change(locks)), other: instead(other, change(other)) });
}

const always: UploadLock = { forced: false, isValid: () => true, release: async () => {}, forfeit: async () => {} };

/** Locks with one obligation broken each. */
export const brokenUploadLocks: readonly BrokenAdapter<Locks>[] = [
  {
    name: 'grants whatever is asked',
    caughtBy: 'an upload has one holder at a time, in all processes',
    break: both(() => ({ acquire: async () => always })),
  },
  {
    name: 'asks nobody',
    caughtBy: 'the holder is asked to let go, and the next one has the lock as soon as it did',
    break: both((locks) => ({ acquire: (id, wish) => locks.acquire(id, { ...wish, waitMs: 500, letGo: () => {} }) })),
  },
  {
    name: 'asks without a reason',
    caughtBy: 'nobody is asked when nobody else comes',
    break: both((locks) => ({
      acquire: async (id, wish) => {
        wish.letGo();
        return await locks.acquire(id, wish);
      },
    })),
  },
  {
    name: 'takes the lock from a holder that lives',
    caughtBy: 'a holder that does not let go in time keeps the lock, and is asked once',
    break: both((locks) => ({
      acquire: async (id, wish) => {
        const lock = await locks.acquire(id, wish);
        return lock === 'busy' ? always : lock;
      },
    })),
  },
  {
    name: 'lets the oldest go first',
    caughtBy: 'of those that wait within a process, the newest gets the lock',
    break: both((locks) => {
      let last: Promise<unknown> = Promise.resolve();
      return {
        acquire: (id, wish) => {
          const mine = last.then(() => locks.acquire(id, { ...wish, waitMs: 50 }));
          last = mine;
          return mine;
        },
      };
    }),
  },
  {
    name: 'locks everything at once',
    caughtBy: 'other uploads are not held up',
    break: both((locks) => ({ acquire: (_id, wish) => locks.acquire('all', { ...wish, waitMs: 50 }) })),
  },
  {
    name: 'forgets who holds the upload when it is released',
    caughtBy: 'releasing twice does not release the next holder',
    break: both((locks) => {
      let current: UploadLock | null = null;
      return {
        acquire: async (id, wish) => {
          const lock = await locks.acquire(id, wish);
          if (typeof lock === 'string') return lock;
          current = lock;
          return { ...lock, release: async () => current?.release() };
        },
      };
    }),
  },
];
