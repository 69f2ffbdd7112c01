/** From Redis to the ledger's database: everything arrives once, wherever the process dies. */
import { afterAll, describe, expect, it } from 'vitest';
import type { LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import { silentLog } from '../../core/ports/log.ts';
import type { Rule } from '../../core/ports/upload-store.ts';
import type { Upload } from '../../core/upload.ts';
import { systemClock } from '../../platform/system-clock.ts';
import {
  sampleEvent,
  samplePlan,
  samplePublication,
  sampleStep,
  sampleUpload,
  sha256Of,
  someTime,
  unique,
} from '../../testing/sample-upload.ts';
import { instead } from '../../testing/stand-in.ts';
import { openRedisPlace, type RedisPlace, SharedRedis } from '../../testing/test-redis-state.ts';
import { openSqliteState, type State } from '../sql/open.ts';
import { openRedisState } from './open.ts';

const redis = new SharedRedis();
afterAll(() => redis.stop());
const plenty = 1_000_000;

/** The same place, opened by a process whose way to the ledger is broken somewhere. */
async function openBroken(place: RedisPlace, change: (inbox: LedgerInbox) => Partial<LedgerInbox>): Promise<State> {
  if (place.ledger.kind !== 'sqlite') throw new Error('Only beside SQLite.');
  const ledger = await openSqliteState({ file: place.ledger.file, clock: systemClock, sharedAs: unique('process') });
  const inbox = instead(ledger.inbox, change(ledger.inbox));
  return openRedisState({
    url: place.url,
    prefix: place.prefix,
    ledger: { ...ledger, inbox },
    process: unique('process'),
    durability: 'committed',
    clock: systemClock,
    log: silentLog,
    random: Math.random,
  });
}

const completing =
  (digest: string): Rule =>
  (current) => ({
    kind: 'accept',
    next: { ...current, phase: { name: 'completed', at: someTime, assetId: digest }, storage: 'released' },
    events: [sampleEvent('completed')],
    writes: [samplePublication(current, digest, [samplePlan([sampleStep('probe')])])],
  });

const died = async (): Promise<never> => {
  throw new Error('killed');
};

async function expectProcessedOnce(state: State, upload: Upload, digest: string): Promise<void> {
  const asset = await state.uploads.findAsset(digest, upload.principal);
  expect(asset?.sources.map((source) => source.uploadId)).toEqual([upload.id]);
  const events = await state.uploads.events({ principal: upload.principal, after: 0, limit: 100 });
  const count = (type: string) => events.filter((event) => event.type === type).length;
  expect({ completed: count('completed'), runs: count('run.created') }).toEqual({ completed: 1, runs: 1 });
}

describe('an upload that completes', () => {
  const where = [
    ['before the ledger has it', () => ({ take: died })],
    [
      'after the ledger has it and before the outbox knows',
      (inbox: LedgerInbox) => ({
        take: (handovers: Parameters<LedgerInbox['take']>[0]) => inbox.take(handovers).then(died),
      }),
    ],
  ] as const;
  it.each(where)('is processed once when the process dies %s (E1)', async (_where, change) => {
    const { place, remove } = await redis.place();
    const digest = sha256Of(unique('content'));
    const upload = sampleUpload();
    const doomed = await openBroken(place, change);
    expect(await doomed.uploads.create(upload, [sampleEvent('created')], [], plenty)).toBe(true);
    // What Redis has is decided, whatever becomes of the ledger.
    expect(await doomed.uploads.decide(upload.id, null, completing(digest))).toMatchObject({ kind: 'accept' });
    await expect(doomed.uploads.findAsset(digest, upload.principal)).rejects.toThrow('killed');
    await doomed.close();
    const next = await openRedisPlace(place);
    try {
      await expectProcessedOnce(next, upload, digest);
    } finally {
      await next.close();
      await remove();
    }
  });

  it('is processed once when many deliver at the same time, with its log in order', async () => {
    const { subject, close } = await redis.twoStates();
    try {
      const { one, two } = subject;
      const upload = sampleUpload();
      const digest = sha256Of(unique('content'));
      await one.uploads.create(upload, [], [], plenty);
      const note: Rule = (next) => ({ kind: 'accept', next, events: [sampleEvent('noted')], writes: [] });
      const readers = [one, two].map(async (state) => {
        for (let i = 0; i < 20; i += 1)
          await state.uploads.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 1 });
      });
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).uploads.decide(upload.id, null, note)),
      );
      await one.uploads.decide(upload.id, null, completing(digest));
      await Promise.all(readers);
      await expectProcessedOnce(two, upload, digest);
      const all = await two.uploads.events({ principal: upload.principal, after: 0, limit: 100 });
      const own = all.filter((event) => event.subject === 'upload').map((event) => event.seq);
      expect(own).toEqual(Array.from({ length: 41 }, (_, i) => i + 1));
    } finally {
      await close();
    }
  });
});

describe('what waits in the outbox', () => {
  it('goes over in transactions that PostgreSQL has enough numbers for', async () => {
    const { place, remove } = await redis.place();
    const sizes: number[] = [];
    let away = true;
    const state = await openBroken(place, (inbox) => ({
      take: async (handovers) => {
        if (away) throw new Error('away');
        sizes.push(handovers.reduce((sum, one) => sum + one.events.length, 0));
        await inbox.take(handovers);
      },
    }));
    try {
      const principal = unique('principal');
      const many = Array.from({ length: 400 }, () => sampleEvent());
      for (let i = 0; i < 10; i += 1) await state.uploads.create(sampleUpload({ principal }), many, [], plenty);
      away = false;
      expect(await state.uploads.events({ principal, after: 0, limit: plenty })).toHaveLength(4_000);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(4_000);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1_500);
    } finally {
      await state.close();
      await remove();
    }
  });
});

describe('a plan or a text that the ledger could never take', () => {
  it('is refused before anything is decided, so that nothing is stuck behind it', async () => {
    const { place, remove } = await redis.place();
    const state = await openRedisPlace(place);
    try {
      const zero = sampleUpload({ filename: 'a\u0000b' });
      await expect(state.uploads.create(zero, [], [], plenty)).rejects.toMatchObject({ code: 'invalid-request' });
      const escaped = sampleUpload({ filename: 'a\\u0000b' });
      expect(await state.uploads.create(escaped, [], [], plenty)).toBe(true);
      expect(await state.uploads.find(escaped.id)).toEqual(escaped);
      expect(await state.uploads.find(zero.id)).toBeNull();
    } finally {
      await state.close();
      await remove();
    }
  });
});

describe('memory', () => {
  it('of an idle upload is below 2 KB, and comes back when it is purged (E2)', async () => {
    const { place, remove } = await redis.place();
    const state = await openRedisPlace(place);
    const { Redis } = await import('ioredis');
    const client = new Redis(place.url);
    const used = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    try {
      const uploads = 1_000;
      const before = await used();
      const principal = unique('principal');
      const made = Array.from({ length: uploads }, () => sampleUpload({ principal }));
      await Promise.all(made.map((upload) => state.uploads.create(upload, [sampleEvent('created')], [], plenty)));
      await state.uploads.events({ after: 0, limit: 1 });
      const each = ((await used()) - before) / uploads;
      expect(each).toBeGreaterThan(300);
      expect(each).toBeLessThan(2_048);
      const cancel: Rule = (current) => ({
        kind: 'accept',
        next: { ...current, phase: { name: 'cancelled', at: someTime }, storage: 'released' },
        events: [],
        writes: [],
      });
      await Promise.all(made.map((upload) => state.uploads.decide(upload.id, null, cancel)));
      expect(await state.uploads.countByPhase()).toEqual({ cancelled: uploads });
      expect(await state.uploads.purge(someTime + 1, plenty)).toBe(uploads);
      const left = await client.keys(`${place.prefix}:*`);
      expect(left.map((key) => key.slice(place.prefix.length + 1)).sort()).toEqual(['format', 'ledger', 'outbox']);
    } finally {
      client.disconnect();
      await state.close();
      await remove();
    }
  });
});
