/** Opens the state that the configuration names. The only place that tells back ends of the state apart. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Log } from '../core/ports/log.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openPostgresState, openSqliteState, type State } from '../state/sql/open.ts';
import { alone, type Seat } from './processes/seat.ts';
import { isRedis, openRedisBeside } from './redis-state.ts';
import type { StepQueue } from './step-queue.ts';

/** Whether nodes of other processes and machines work on the same state: a ledger in a file has one process. */
export function isShared(config: Pick<Config, 'state' | 'ledger'>): boolean {
  return ledgerUrl(config) !== null;
}

/** The PostgreSQL that the ledger is in; null when it is in a file. */
export function ledgerUrl({ state, ledger }: Pick<Config, 'state' | 'ledger'>): string | null {
  const place = isRedis(state) ? ledger : state;
  return place === 'sqlite' ? null : place;
}

export interface StateWish {
  readonly config: Pick<Config, 'state' | 'ledger' | 'statePool' | 'durability'>;
  readonly dataDir: string;
  /** A name that no other process has or had: claims and locks of requests are under it. */
  readonly process: string;
  /** Default: nobody else uses the file. */
  readonly seat?: Pick<Seat, 'shared'>;
  /** Name of the node in leases. */
  readonly holder?: string;
  /** Is told of steps that become due; null where nodes look for them. */
  readonly queue: StepQueue | null;
  readonly log: Log;
  /** What becomes of a Redis without uploads: a server begins there, a command on what there is has the wrong one. Default `begin`. */
  readonly emptyRedis?: 'begin' | 'refuse';
}

/** Rejects with `unavailable` that says what is wrong, and `invalid-request` for settings that do not go together. */
export async function openState(wish: StateWish): Promise<State> {
  const ledger = await openLedger(wish);
  return isRedis(wish.config.state) ? await openRedisBeside(ledger, wish, wish.emptyRedis) : ledger;
}

/** Everything but uploads that are in Redis. Rejects as `openState` does. */
export async function openLedger({
  config,
  dataDir,
  process,
  queue,
  seat = alone,
  holder = process,
}: StateWish): Promise<State> {
  const url = ledgerUrl(config);
  if (url !== null)
    return await openPostgresState({
      url,
      clock: systemClock,
      holder: process,
      connectionsMax: config.statePool,
      ...(queue === null ? {} : { dueSteps: queue }),
    });
  const file = join(dataDir, 'state.db');
  return await openSqliteState({
    file,
    clock: systemClock,
    receipts: config.durability,
    ...seat.shared(process, holder),
  });
}
