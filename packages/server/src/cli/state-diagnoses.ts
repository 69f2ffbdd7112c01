/** What `doctor` says of what the settings name beside this machine: PostgreSQL, Redis, a bucket. */
import type { Config } from '../config/schema.ts';
import { systemClock } from '../platform/system-clock.ts';
import { inspectPostgres } from '../state/sql/inspect-postgres.ts';
import type { Diagnosis } from './diagnoses.ts';
import { ledgerUrl } from './open-state.ts';
import { isRedis, redisUrl } from './redis-state.ts';

const slowMs = 20;
const skewMsMax = 1_000;
const nearer = 'each receipt waits for a few such answers: put it nearer';

/** Null for a state and a ledger that are not in PostgreSQL. */
export async function checkPostgres(config: Pick<Config, 'state' | 'ledger' | 'statePool'>): Promise<Diagnosis | null> {
  const url = ledgerUrl(config);
  if (url === null) return null;
  const subject = 'postgresql';
  try {
    const facts = await inspectPostgres(url, () => systemClock.now());
    const schema = facts.schema === null ? 'empty, the first node makes its tables' : `schema ${facts.schema}`;
    const found = `${facts.version}, ${facts.place}: ${schema}, answers in ${facts.milliseconds} ms, ${facts.connectionsMax} connections`;
    const advice = adviceFor(facts, config.statePool);
    return advice === null ? { subject, verdict: 'good', found } : { subject, verdict: 'warning', found, advice };
  } catch (error) {
    return {
      subject,
      verdict: 'bad',
      found: messageOf(error),
      advice: 'docs/cluster.md says what a database needs',
    };
  }
}

/** Nothing for uploads that are not in Redis. */
export async function checkRedis({ state, durability }: Pick<Config, 'state' | 'durability'>): Promise<Diagnosis[]> {
  if (!isRedis(state)) return [];
  const subject = 'redis';
  try {
    const { inspectRedis } = await import('../state/redis/inspect.ts');
    const facts = await inspectRedis({ url: redisUrl(state), durability, clock: systemClock });
    const kept = facts.used ? 'has uploads of a Holdfast' : 'empty, the first start makes it its own';
    const found = `version ${facts.version}: ${kept}, answers in ${facts.milliseconds} ms`;
    const advice = facts.notes[0] ?? (facts.milliseconds > slowMs ? nearer : undefined);
    return [
      advice === undefined ? { subject, verdict: 'good', found } : { subject, verdict: 'warning', found, advice },
    ];
  } catch (error) {
    return [{ subject, verdict: 'bad', found: messageOf(error), advice: 'docs/redis.md says what a Redis needs' }];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function adviceFor(facts: Awaited<ReturnType<typeof inspectPostgres>>, pool: number): string | null {
  const skewMs = Math.abs(systemClock.now() - facts.now);
  if (!facts.syncs) return 'the server runs without fsync or full_page_writes: a power cut loses what was acknowledged';
  if (skewMs > skewMsMax) return `its clock and this machine's differ by ${skewMs} ms: set up NTP`;
  if (pool + 1 > facts.connectionsMax / 2)
    return `this node alone takes ${pool + 1} of them: raise max_connections, or lower statePool`;
  if (facts.milliseconds > slowMs) return nearer;
  return null;
}
