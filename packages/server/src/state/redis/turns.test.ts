/** Claims and locks: who writes where, and who may append. */
import { afterAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/ports/log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Fixture } from '../../testing/conformance.ts';
import { type Claims, registerExtentClaimsSuite } from '../../testing/extent-claims-suite.ts';
import { unique } from '../../testing/sample-upload.ts';
import { SharedRedis } from '../../testing/test-redis-state.ts';
import { type Locks, registerUploadLocksSuite } from '../../testing/upload-locks-suite.ts';
import { RedisExtentClaims } from './extent-claims.ts';
import { Keys } from './keys.ts';
import { RedisLink } from './link.ts';
import { RedisUploadLocks } from './upload-locks.ts';

const redis = new SharedRedis();
afterAll(() => redis.stop());

interface Pair {
  readonly claims: readonly [RedisExtentClaims, RedisExtentClaims];
  readonly locks: readonly [RedisUploadLocks, RedisUploadLocks];
}

/** Two processes, whose claims and locks are good for a given time. */
async function pair(goodForMs?: number): Promise<Fixture<Pair>> {
  const { url } = await redis.server();
  const keys = new Keys(unique('{test}'));
  const link = new RedisLink({ url, clock: systemClock, log: silentLog });
  await link.ready();
  const good = goodForMs === undefined ? {} : { goodForMs };
  const claims = (holder: string) => new RedisExtentClaims(link, keys, { clock: systemClock, holder, ...good });
  const locks = (process: string) => new RedisUploadLocks(link, keys, { clock: systemClock, process, ...good });
  const subject: Pair = { claims: [claims('one'), claims('two')], locks: [locks('one'), locks('two')] };
  const close = async (): Promise<void> => {
    for (const one of [...subject.claims, ...subject.locks]) one.close();
    link.close();
  };
  return { subject, close };
}

async function claimPair(): Promise<Fixture<Claims>> {
  const { subject, close } = await pair();
  return { subject: { claims: subject.claims[0], other: subject.claims[1] }, close };
}

async function lockPair(): Promise<Fixture<Locks>> {
  const { subject, close } = await pair();
  return { subject: { locks: subject.locks[0], other: subject.locks[1] }, close };
}

registerExtentClaimsSuite('Redis', claimPair);
registerUploadLocksSuite('Redis', lockPair);

async function shortLived(goodForMs: number, run: (pair: Pair) => Promise<void>): Promise<void> {
  const { subject, close } = await pair(goodForMs);
  try {
    await run(subject);
  } finally {
    await close();
  }
}

describe('claims of several processes in Redis', () => {
  it('can be taken over from a process that died, but only once they have run out', () =>
    shortLived(500, async ({ claims: [one, two] }) => {
      const release = await one.acquire('u', 0, 0);
      // A process that is gone does not renew its claims any more.
      one.close();
      expect(await two.acquire('u', 0, 50)).toBeNull();
      expect(await two.acquire('u', 0, 2_000)).toMatchObject({ forced: true });
      expect(release?.isValid()).toBe(false);
      // It comes back, and lets go of what is somebody else's by now.
      await release?.release();
      expect(await one.acquire('u', 0, 50)).toBeNull();
    }));

  it('are renewed for as long as their process lives', () =>
    shortLived(500, async ({ claims: [one, two] }) => {
      const release = await one.acquire('u', 0, 0);
      expect(await two.acquire('u', 0, 900)).toBeNull();
      await release?.release();
      expect(await two.acquire('u', 0, 400)).not.toBeNull();
    }));
});

describe('locks of several processes in Redis', () => {
  const deaf = { waitMs: 3_000, letGo: () => {} };
  const impatient = { waitMs: 50, letGo: () => {} };

  it('can be taken by force from a process that is gone, but only once they have run out', () =>
    shortLived(900, async ({ locks: [one, two] }) => {
      const lost = await one.acquire('u', deaf);
      if (typeof lost === 'string') throw new Error(lost);
      one.close();
      expect(await two.acquire('u', impatient)).toBe('busy');
      expect(lost.isValid()).toBe(true);
      expect(await two.acquire('u', deaf)).toMatchObject({ forced: true });
      expect(lost.isValid()).toBe(false);
      await lost.release();
      expect(await two.acquire('u', impatient)).toBe('busy');
    }));

  it('are renewed for as long as their process lives; one that was forfeited is taken by force', () =>
    shortLived(900, async ({ locks: [one, two] }) => {
      const lock = await one.acquire('u', deaf);
      if (typeof lock === 'string') throw new Error(lock);
      expect(await two.acquire('u', { waitMs: 1_500, letGo: () => {} })).toBe('busy');
      expect(lock.isValid()).toBe(true);
      await lock.release();
      const next = await two.acquire('u', impatient);
      if (typeof next === 'string') throw new Error(next);
      expect(next.forced).toBe(false);
      await next.forfeit();
      expect(await one.acquire('u', impatient)).toMatchObject({ forced: true });
    }));

  it('a process that was stopped for too long does not get its lock back by renewing it', () =>
    shortLived(900, async ({ locks: [one, two] }) => {
      const lock = await one.acquire('u', deaf);
      if (typeof lock === 'string') throw new Error(lock);
      one.close();
      expect(await two.acquire('u', deaf)).toMatchObject({ forced: true });
      // It wakes up: another lock starts its timer again.
      await one.acquire('other', deaf);
      await new Promise((resolve) => systemClock.after(600, () => resolve(null)));
      expect(lock.isValid()).toBe(false);
    }));
});
