/** Opens upload state in Redis, beside a ledger in SQLite or PostgreSQL. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/ports/clock.ts';
import type { Log } from '../../core/ports/log.ts';
import type { State } from '../sql/open.ts';
import { RedisDeletionStore } from './deletions.ts';
import { EventNews } from './event-news.ts';
import { RedisExtentClaims } from './extent-claims.ts';
import { Keys, standardPrefix } from './keys.ts';
import { hear, RedisLink } from './link.ts';
import { Outbox } from './outbox.ts';
import { assertFormat, meetLedger } from './partners.ts';
import { Purge } from './purge.ts';
import { RedisRecordingStore } from './recordings.ts';
import { checkSettings, type Durability } from './settings-check.ts';
import { RedisUploadLocks } from './upload-locks.ts';
import { RedisUploadStore } from './upload-store.ts';
import { RedisUploadTokenStore } from './upload-tokens.ts';

export interface RedisStateOptions {
  /** `redis://[user:password@]host[:port][/number]`, `rediss://…` with TLS, or the path of a socket. Never logged. */
  readonly url: string;
  /** Where everything but uploads is. Closed with the state. */
  readonly ledger: State;
  /** A name that no other process on this Redis has or had. */
  readonly process: string;
  /** What an acknowledged chunk has to survive: refused when the settings of Redis do not keep it. Default `synced`. */
  readonly durability?: Durability;
  /** Of all keys. With a hash tag, so that they stay together. Default `{holdfast}`. */
  readonly prefix?: string;
  /** What to do when the ledger has been used with a Redis and this one is empty: begin anew, with a warning (default), or refuse. */
  readonly empty?: 'begin' | 'refuse';
  /** How long a request waits for a Redis that is away before it is answered `unavailable`. Default 4 s. */
  readonly patienceMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 up to 1: spreads processes that collide. */
  readonly random: () => number;
}

/**
 * Connects, and checks that this Redis keeps what is promised. Rejects with `unavailable` when it does not answer, when its settings will
 * not do, or when a newer Holdfast wrote there; the ledger is not closed then.
 */
export async function openRedisState(options: RedisStateOptions): Promise<State> {
  const { url, ledger, process, clock, log, random } = options;
  const server = { url, clock, log, ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }) };
  const link = new RedisLink(server);
  const keys = new Keys(options.prefix ?? standardPrefix);
  try {
    await link.ready();
    for (const note of await checkSettings(link, options.durability ?? 'synced')) log.warn({}, note);
    await assertFormat(link, keys);
    await meetLedger({ link, keys, inbox: ledger.inbox, log }, options.empty ?? 'begin');
  } catch (error) {
    link.close();
    throw error;
  }
  const outbox = new Outbox({ link, keys, inbox: ledger.inbox, clock, log });
  const purge = new Purge(link, keys, { outbox, inbox: ledger.inbox });
  const news = new EventNews(ledger.uploads, (listener) => hear(server, keys.news, listener));
  const claims = new RedisExtentClaims(link, keys, { clock, holder: process });
  const locks = new RedisUploadLocks(link, keys, { clock, process });
  // Part of every upload's value: short, and without a space.
  const writer = createHash('sha256').update(process).digest('base64url').slice(0, 12);
  outbox.start();
  const close = async (): Promise<void> => {
    news.close();
    claims.close();
    locks.close();
    await outbox.stop();
    link.close();
    await ledger.close();
  };
  return {
    ...ledger,
    uploads: new RedisUploadStore({ link, keys, ledger: ledger.uploads, outbox, purge, news, clock, random, writer }),
    recordings: new RedisRecordingStore(link, keys, { outbox, inbox: ledger.inbox }),
    tokens: new RedisUploadTokenStore(link, keys),
    deletions: new RedisDeletionStore(ledger.deletions, outbox),
    claims,
    locks,
    close,
    [Symbol.asyncDispose]: close,
  };
}
