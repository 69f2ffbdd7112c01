/** Puts uploads into Redis, beside a state that keeps the rest. */
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Log } from '../core/ports/log.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { State } from '../state/sql/open.ts';

export interface RedisWish {
  readonly config: Pick<Config, 'state' | 'durability'>;
  readonly log: Log;
  /** A name that no other process has or had. */
  readonly process: string;
}

export function isRedis(state: string): boolean {
  return /^rediss?:\/\//.test(state);
}

/** The ledger goes with the state that this resolves to; it is closed when this rejects. Rejects with `unavailable`. */
export async function openRedisBeside(
  ledger: State,
  { config, log, process: name }: RedisWish,
  empty: 'begin' | 'refuse' = 'begin',
): Promise<State> {
  try {
    const { openRedisState } = await import('../state/redis/open.ts');
    return await openRedisState({
      url: withPassword(config.state, process.env['REDISCLI_AUTH']),
      ledger,
      process: name,
      durability: config.durability,
      empty,
      clock: systemClock,
      log,
      random: Math.random,
    });
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

/**
 * For commands on a stopped server whose uploads are said to be in its database: what looks for files that belong to no upload must not be done
 * without them. Closes the state and rejects with `invalid-request` when they are in a Redis that was not named.
 */
export async function assertUploadsHere(state: State): Promise<void> {
  if ((await state.inbox.partner()) === null) return;
  await state.close();
  throw new HoldfastError(
    'invalid-request',
    'The uploads of this folder are in Redis. Say in which: HOLDFAST_STATE=redis://… before the command.',
  );
}

/** The password that redis-cli takes as well: so that it need not be part of a command line that others can read. */
function withPassword(url: string, password: string | undefined): string {
  const full = new URL(url);
  if (password !== undefined && password !== '' && full.password === '') full.password = encodeURIComponent(password);
  return full.href;
}
