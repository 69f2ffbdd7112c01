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
      url: redisUrl(config.state),
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
 * For state that is said to hold the uploads, too: to whoever asks there, uploads that are in Redis would be gone, and their files would belong
 * to nothing. Rejects with `invalid-request` when they are in a Redis that was not named.
 */
export async function assertUploadsHere(state: Pick<State, 'inbox'>): Promise<void> {
  if ((await state.inbox.partner()) === null) return;
  throw new HoldfastError(
    'invalid-request',
    'The uploads of this server are in Redis, and the state that was named is only the ledger beside it. Name both: --state redis://… or HOLDFAST_STATE=redis://…, and --ledger unless that is the data folder. To give up what is in Redis: holdfast leave-redis.',
  );
}

/** With the password that redis-cli takes as well, so that it need not be part of a command line that others can read. */
export function redisUrl(state: string): string {
  const full = new URL(state);
  const password = process.env['REDISCLI_AUTH'];
  if (password !== undefined && password !== '' && full.password === '') full.password = encodeURIComponent(password);
  return full.href;
}
