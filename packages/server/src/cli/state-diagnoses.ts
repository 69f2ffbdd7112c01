/** What `doctor` says of the database that nodes share. */
import type { Config } from '../config/schema.ts';
import { systemClock } from '../platform/system-clock.ts';
import { inspectPostgres } from '../state/sql/inspect-postgres.ts';
import type { Diagnosis } from './diagnoses.ts';

const slowMs = 20;
const skewMsMax = 1_000;

/** Null for a state that is not PostgreSQL. */
export async function checkPostgres(config: Pick<Config, 'state' | 'ledger' | 'statePool'>): Promise<Diagnosis | null> {
  const url = [config.state, config.ledger].find((one) => /^postgres(?:ql)?:/.test(one));
  if (url === undefined) return null;
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
      found: error instanceof Error ? error.message : String(error),
      advice: 'docs/cluster.md says what a database needs',
    };
  }
}

function adviceFor(facts: Awaited<ReturnType<typeof inspectPostgres>>, pool: number): string | null {
  const skewMs = Math.abs(systemClock.now() - facts.now);
  if (!facts.syncs) return 'the server runs without fsync or full_page_writes: a power cut loses what was acknowledged';
  if (skewMs > skewMsMax) return `its clock and this machine's differ by ${skewMs} ms: set up NTP`;
  if (pool + 1 > facts.connectionsMax / 2)
    return `this node alone takes ${pool + 1} of them: raise max_connections, or lower statePool`;
  if (facts.milliseconds > slowMs) return 'each receipt waits for a few such answers: put the database nearer';
  return null;
}
