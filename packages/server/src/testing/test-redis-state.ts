/** Fresh upload state in Redis for tests: keys of its own on one server, beside a ledger in SQLite or PostgreSQL. */
import { silentLog } from '../core/ports/log.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openRedisState } from '../state/redis/open.ts';
import { openPostgresState, openSqliteState, type State } from '../state/sql/open.ts';
import type { Fixture } from './conformance.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { unique } from './sample-upload.ts';
import { sqliteFile, type TwoStates } from './test-state.ts';

/** Where a state in Redis is, for another process to open it as well. */
export interface RedisPlace {
  readonly url: string;
  readonly prefix: string;
  readonly ledger:
    | { readonly kind: 'sqlite'; readonly file: string }
    | { readonly kind: 'postgres'; readonly url: string };
}

export async function openRedisPlace(place: RedisPlace, process = unique('process')): Promise<State> {
  const { url, prefix, ledger } = place;
  const clock = systemClock;
  const state =
    ledger.kind === 'sqlite'
      ? await openSqliteState({ file: ledger.file, clock, sharedAs: process })
      : await openPostgresState({ url: ledger.url, clock, holder: process, connectionsMax: 4 });
  const options = { url, prefix, ledger: state, process, clock, log: silentLog, random: Math.random };
  return openRedisState({ ...options, durability: 'committed' });
}

/** A server for all tests of a file, started when it is first needed. Without syncs: what they are for is tested with the deaths of Redis. */
export class SharedRedis {
  #server: Promise<TestRedis> | null = null;

  async server(): Promise<TestRedis> {
    this.#server ??= startRedis({ appendfsync: 'no' });
    return await this.#server;
  }

  /** Keys that nobody else has, beside a new SQLite file. */
  async place(): Promise<{ readonly place: RedisPlace; remove(): Promise<void> }> {
    const { file, remove } = await sqliteFile();
    const { url } = await this.server();
    return { place: { url, prefix: unique('{test}'), ledger: { kind: 'sqlite', file } }, remove };
  }

  /** Opened twice, as two processes would. */
  async twoStates(ledger: RedisPlace['ledger'] | null = null): Promise<Fixture<TwoStates>> {
    const { place, remove } = await this.place();
    const own = ledger === null ? place : { ...place, ledger };
    const states = { one: await openRedisPlace(own), two: await openRedisPlace(own) };
    const close = async (): Promise<void> => {
      await states.one.close();
      await states.two.close();
      await remove();
    };
    return { subject: states, close };
  }

  async stop(): Promise<void> {
    await (await this.#server)?.stop();
  }
}
