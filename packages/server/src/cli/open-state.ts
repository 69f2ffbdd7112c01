/** Opens the state that the configuration names. The only place that tells back ends of the state apart. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openPostgresState, openSqliteState, type State } from '../state/sql/open.ts';

/** Whether nodes of other processes and machines work on the same state. */
export function isShared(config: Pick<Config, 'state' | 'ledger'>): boolean {
  return config.state !== 'sqlite';
}

export interface StateWish {
  readonly config: Pick<Config, 'state' | 'ledger' | 'statePool' | 'durability'>;
  readonly dataDir: string;
  /** A name that no other process has or had: claims and locks of requests are under it. */
  readonly process: string;
}

/** Rejects with `unavailable` that says what is wrong, and `invalid-request` for settings that do not go together. */
export async function openState({ config, dataDir, process }: StateWish): Promise<State> {
  if (config.state === 'sqlite') {
    const file = join(dataDir, 'state.db');
    return await openSqliteState({ file, clock: systemClock, receipts: config.durability });
  }
  if (/^rediss?:/.test(config.state))
    throw new HoldfastError('invalid-request', 'The state redis://… is not part of this build.');
  return await openPostgresState({
    url: config.state,
    clock: systemClock,
    holder: process,
    connectionsMax: config.statePool,
  });
}
