/** Redis that dies, stands still, forgets its scripts, or is set up so that it cannot keep what is promised. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newUploadToken } from '../../core/grant.ts';
import { silentLog } from '../../core/ports/log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { receipt, sampleExtent, sampleUpload, sha256Of, someTime, unique } from '../../testing/sample-upload.ts';
import { sqliteFile } from '../../testing/test-state.ts';
import { openSqliteState, type State } from '../sql/open.ts';
import { openRedisState, type RedisStateOptions } from './open.ts';

const plenty = 1_000_000;
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

async function withState(
  options: Partial<RedisStateOptions>,
  run: (state: State, warnings: readonly string[]) => Promise<void>,
): Promise<void> {
  const { file, remove } = await sqliteFile();
  const ledger = await openSqliteState({ file, clock: systemClock });
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  try {
    const state = await openRedisState({
      url: redis.url,
      prefix: unique('{test}'),
      ledger,
      process: unique('process'),
      clock: systemClock,
      log,
      random: Math.random,
      ...options,
    });
    await run(state, warnings);
    await state.close();
  } finally {
    await ledger.close();
    await remove();
  }
}

/** What a client of redis-cli would do to the server. */
async function tell(...command: readonly [string, ...string[]]): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  try {
    await client.call(...command);
  } finally {
    client.disconnect();
  }
}

describe('a Redis with appendfsync always', () => {
  it('that is killed and started again has everything that was acknowledged, and requests go on (E2)', () =>
    withState({}, async ({ uploads }) => {
      const made = Array.from({ length: 8 }, () => sampleUpload({ size: 100_000 }));
      for (const upload of made) await uploads.create(upload, [], [], plenty);
      const acknowledged = new Map(made.map((upload) => [upload.id, new Set<number>()]));
      let stopped = false;
      const refused: unknown[] = [];
      const senders = made.map(async ({ id }) => {
        for (let offset = 0; !stopped && offset < 99_000; offset += 100) {
          try {
            const decision = await uploads.decide(id, offset, receipt(sampleExtent(offset)));
            if (decision?.kind === 'accept') acknowledged.get(id)?.add(offset);
          } catch (error) {
            refused.push(error);
          }
        }
      });
      const count = () => [...acknowledged.values()].reduce((sum, set) => sum + set.size, 0);
      for (let round = 1; round <= 3; round += 1) {
        const before = count();
        await expect.poll(() => count() - before, { interval: 5 }).toBeGreaterThan(40);
        await redis.kill();
        await redis.start();
      }
      const before = count();
      await expect.poll(() => count() - before, { interval: 5 }).toBeGreaterThan(8);
      stopped = true;
      await Promise.all(senders);
      expect(refused).toEqual([]);
      for (const upload of made) {
        const offsets = (await uploads.extents(upload.id)).map((extent) => extent.offset);
        expect(offsets).toEqual([...(acknowledged.get(upload.id) ?? [])].sort((a, b) => a - b));
        expect(await uploads.find(upload.id)).toMatchObject({
          receivedExtents: offsets.length,
          receivedBytes: offsets.length * 100,
        });
      }
    }));

  it('that is away is told as such, and nothing hangs; it is found again when it comes back', () =>
    withState({ patienceMs: 300 }, async ({ uploads }) => {
      const upload = sampleUpload();
      await uploads.create(upload, [], [], plenty);
      await redis.kill();
      const refused = { code: 'unavailable', retryable: true };
      await expect(uploads.find(upload.id)).rejects.toMatchObject(refused);
      await expect(uploads.decide(upload.id, 0, receipt(sampleExtent(0)))).rejects.toMatchObject(refused);
      await expect(uploads.create(sampleUpload(), [], [], plenty)).rejects.toMatchObject(refused);
      await expect(uploads.ping()).rejects.toMatchObject(refused);
      await redis.start();
      await expect.poll(() => uploads.find(upload.id).catch(() => null), { timeout: 5_000 }).toEqual(upload);
    }));

  it('that stands still is told as such', () =>
    withState({ patienceMs: 300 }, async ({ uploads }) => {
      const upload = sampleUpload();
      await uploads.create(upload, [], [], plenty);
      redis.process.kill('SIGSTOP');
      try {
        const late = uploads.decide(upload.id, 0, receipt(sampleExtent(0)));
        await expect(late).rejects.toMatchObject({ code: 'unavailable' });
      } finally {
        redis.process.kill('SIGCONT');
      }
      // What was sent meanwhile may have been done; sent again, it is done once.
      const again = await uploads.decide(upload.id, 0, receipt(sampleExtent(0)));
      expect(again).toMatchObject({ kind: 'accept', next: { receivedExtents: 1, receivedBytes: 100 } });
    }));

  it('that has forgotten its scripts is given them again', () =>
    withState({}, async ({ uploads }) => {
      const upload = sampleUpload();
      await uploads.create(upload, [], [], plenty);
      await tell('SCRIPT', 'FLUSH');
      expect(await uploads.find(upload.id)).toEqual(upload);
      await uploads.decide(upload.id, 0, receipt(sampleExtent(0)));
      expect(await uploads.extents(upload.id)).toHaveLength(1);
    }));
});

describe('a Redis that is full', () => {
  it('is told as such by everything that wants room, and goes on when there is some', () =>
    withState({}, async ({ uploads, tokens }) => {
      const upload = sampleUpload();
      await uploads.create(upload, [], [], plenty);
      const identity = { id: unique('token'), digest: sha256Of(unique('secret')), principal: 'ana/bob', issuer: 'ana' };
      const token = newUploadToken({ ttlMs: 3_600_000 }, identity, someTime);
      await tell('CONFIG', 'SET', 'maxmemory', '1mb');
      const full = { code: 'insufficient-storage' };
      try {
        await expect(uploads.create(sampleUpload(), [], [], plenty)).rejects.toMatchObject(full);
        await expect(uploads.decide(upload.id, 0, receipt(sampleExtent(0)))).rejects.toMatchObject(full);
        await expect(tokens.issue(token)).rejects.toMatchObject(full);
        await expect(uploads.ping()).rejects.toMatchObject(full);
      } finally {
        await tell('CONFIG', 'SET', 'maxmemory', '0');
      }
      expect(await tokens.find(token.digest)).toBeNull();
      await tokens.issue(token);
      expect(await tokens.find(token.digest)).toEqual(token);
    }));
});

describe('the settings of a Redis', () => {
  const nothing = async (): Promise<void> => {};
  const set = (name: string, value: string) => tell('CONFIG', 'SET', name, value);

  it('that cannot keep what is promised are refused, with what to set', async () => {
    await set('maxmemory-policy', 'allkeys-lru');
    await expect(withState({}, nothing)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('set noeviction'),
    });
    await set('maxmemory-policy', 'noeviction');
    await set('appendfsync', 'everysec');
    await expect(withState({}, nothing)).rejects.toThrow('set appendfsync always, or durability to committed');
    await withState({ durability: 'committed' }, async (_state, warnings) => {
      expect(warnings).toEqual([expect.stringContaining('two seconds')]);
    });
    await set('appendfsync', 'always');
    await withState({}, async (_state, warnings) => expect(warnings).toEqual([]));
    await set('appendonly', 'no');
    await expect(withState({ durability: 'committed' }, nothing)).rejects.toThrow('set appendonly yes');
    await set('appendonly', 'yes');
  });

  it('a wrong password and a server that is not there are told without what is secret', async () => {
    await set('requirepass', 'right-secret');
    const url = redis.url.replace('//', '//:wrong-secret@');
    const failure = await withState({ url, patienceMs: 500 }, nothing).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'unavailable', message: expect.stringMatching(/password/i) });
    expect(String((failure as Error).message)).not.toContain('secret');
    const right = redis.url.replace('//', '//:right-secret@');
    await withState({ url: right }, async ({ uploads }) => await uploads.ping());
    const nowhere = withState({ url: 'redis://:right-secret@127.0.0.1:1', patienceMs: 300 }, nothing);
    await expect(nowhere).rejects.toThrow(/ECONNREFUSED/);
  });
});
