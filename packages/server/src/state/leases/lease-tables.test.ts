/** E1, E2: every database keeps leases in the same way. */
import { afterAll } from 'vitest';
import { silentLog } from '../../core/ports/log.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { brokenClaimTables, brokenLockTables } from '../../testing/broken-lease-tables.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import { LeaseRows } from '../../testing/lease-rows.ts';
import {
  claimTableChecks,
  lockTableChecks,
  registerLeaseTables,
  type TwoTables,
} from '../../testing/lease-table-suite.ts';
import { unique } from '../../testing/sample-upload.ts';
import { SharedRedis } from '../../testing/test-redis-state.ts';
import { SharedPostgres, sqliteFile } from '../../testing/test-state.ts';
import { RedisClaimTable } from '../redis/extent-claims.ts';
import { Keys } from '../redis/keys.ts';
import { RedisLink } from '../redis/link.ts';
import { RedisLockTable } from '../redis/upload-locks.ts';
import type { Engine } from '../sql/engine.ts';
import { SqlClaimTable } from '../sql/extent-claims.ts';
import { PostgresEngine } from '../sql/postgres.ts';
import { SqliteEngine } from '../sql/sqlite.ts';
import { SqlLockTable } from '../sql/upload-locks.ts';
import type { ClaimTable, LockTable } from './lease-table.ts';

const postgres = new SharedPostgres();
const redis = new SharedRedis();
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

interface Tables {
  readonly claims: TwoTables<ClaimTable>;
  readonly locks: TwoTables<LockTable>;
}

function onSql(engine: Engine, remove: () => Promise<void> = async () => {}): Fixture<Tables> {
  const [one, two] = [unique('process'), unique('process')];
  const subject: Tables = {
    claims: { own: new SqlClaimTable(engine, one), other: new SqlClaimTable(engine, two) },
    locks: { own: new SqlLockTable(engine, one), other: new SqlLockTable(engine, two) },
  };
  return { subject, close: () => engine.close().then(remove) };
}

async function inRedis(): Promise<Fixture<Tables>> {
  const link = new RedisLink({ url: (await redis.server()).url, clock: systemClock, log: silentLog });
  await link.ready();
  const keys = new Keys(unique('{test}'));
  const subject: Tables = {
    claims: { own: new RedisClaimTable(link, keys, 'one'), other: new RedisClaimTable(link, keys, 'two') },
    locks: { own: new RedisLockTable(link, keys, 'one'), other: new RedisLockTable(link, keys, 'two') },
  };
  return { subject, close: async () => link.close() };
}

async function inMemory(): Promise<Fixture<Tables>> {
  const rows = new LeaseRows(() => performance.now());
  const subject: Tables = {
    claims: { own: rows.claims('one'), other: rows.claims('two') },
    locks: { own: rows.locks('one'), other: rows.locks('two') },
  };
  return { subject, close: async () => {} };
}

registerLeaseTables('SQLite', async () => {
  const { file, remove } = await sqliteFile();
  return onSql(await SqliteEngine.open(file), remove);
});
registerLeaseTables('PostgreSQL', async () => {
  const url = await postgres.createDatabase();
  return onSql(await PostgresEngine.open({ url, clock: systemClock, connectionsMax: 4, statementTimeoutMs: 15_000 }));
});
registerLeaseTables('Redis', inRedis);
registerLeaseTables('memory', inMemory);

registerBroken(
  {
    name: 'LockTable in memory',
    checks: lockTableChecks,
    open: async () => ({ subject: (await inMemory()).subject.locks, close: async () => {} }),
  },
  brokenLockTables,
);
registerBroken(
  {
    name: 'ClaimTable in memory',
    checks: claimTableChecks,
    open: async () => ({ subject: (await inMemory()).subject.claims, close: async () => {} }),
  },
  brokenClaimTables,
);
