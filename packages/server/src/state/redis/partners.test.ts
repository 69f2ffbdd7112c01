/** A Redis and a ledger that do not belong together. */
import { afterAll, expect, it } from 'vitest';
import { silentLog } from '../../core/ports/log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { sampleUpload, unique } from '../../testing/sample-upload.ts';
import { openRedisPlace, SharedRedis } from '../../testing/test-redis-state.ts';
import { sqliteFile } from '../../testing/test-state.ts';
import { openSqliteState } from '../sql/open.ts';
import { openRedisState } from './open.ts';

const redis = new SharedRedis();
afterAll(() => redis.stop());

it('are refused, before anything is told to the wrong one (E2)', async () => {
  const [own, other] = [await redis.place(), await redis.place()];
  try {
    for (const { place } of [own, other]) {
      const state = await openRedisPlace(place);
      await state.uploads.create(sampleUpload(), [], [], 10);
      await state.close();
    }
    const mixed = { ...own.place, ledger: other.place.ledger };
    await expect(openRedisPlace(mixed)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('another ledger'),
    });
    const again = await openRedisPlace(own.place);
    expect(await again.uploads.countByPhase()).toEqual({ receiving: 1 });
    await again.close();
  } finally {
    await own.remove();
    await other.remove();
  }
});

it('an empty Redis beside a ledger that was used with one: a server begins anew and says so, a command refuses', async () => {
  const { file, remove } = await sqliteFile();
  const { url } = await redis.server();
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  const open = async (empty: 'begin' | 'refuse') => {
    const ledger = await openSqliteState({ file, clock: systemClock });
    const options = { url, prefix: unique('{test}'), ledger, empty, clock: systemClock, log, random: Math.random };
    try {
      await (await openRedisState({ ...options, durability: 'committed', process: unique('process') })).close();
    } finally {
      await ledger.close();
    }
  };
  try {
    await open('refuse');
    expect(warnings.splice(0), 'only of its settings').toEqual([expect.stringContaining('appendfsync')]);
    await expect(open('refuse')).rejects.toMatchObject({ message: expect.stringContaining('this one is empty') });
    await open('begin');
    expect(warnings).toContainEqual(expect.stringContaining('this one is empty'));
  } finally {
    await remove();
  }
});
