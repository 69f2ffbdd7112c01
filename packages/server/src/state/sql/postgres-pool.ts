/**
 * Connections to PostgreSQL that outlive its absences: whoever asks while it is away waits a moment, and once it has been away for longer
 * is refused at once, so that requests do not pile up; one of them at a time tries again.
 */
import pg from 'pg';
import type { Clock } from '../../core/ports/clock.ts';
import { awayError, isConnectionLoss } from './postgres-errors.ts';

const connectTimeoutMs = 5_000;
const retryMsMin = 50;
const retryMsMax = 500;
const silentMsDefault = 5_000;
const int8Oid = 20;

export interface PostgresOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly connectionsMax: number;
  /** A statement that takes longer is given up. */
  readonly statementTimeoutMs: number;
  /** How long a request waits for a database that is away. Default 5 s. */
  readonly patienceMs?: number;
  /** How much longer than the server a node waits for the end of a statement: then nothing comes any more. Default 5 s. */
  readonly silentMs?: number;
}

const patienceMsDefault = 5_000;

/** Per connection, not for everybody who uses the driver in this process: bigint columns hold sizes and times, all below 2^53. */
export const bigintAsNumber = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8Oid && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text'),
} as pg.CustomTypesConfig;

export class PostgresPool {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  /** When the database was first found to be away; null while it answers. */
  #awaySince: number | null = null;
  #probing = false;
  /** Raised whenever a connection turned out to be dead: idle ones from before are not trusted any more. */
  #generation = 0;
  readonly #born = new WeakMap<pg.PoolClient, number>();

  constructor(options: PostgresOptions) {
    this.#clock = options.clock;
    this.#patienceMs = options.patienceMs ?? patienceMsDefault;
    this.#pool = openPool(options);
  }

  /** How many connections are in use, and how many there may be. */
  get load(): { readonly busy: number; readonly max: number; readonly waiting: number } {
    const { totalCount, idleCount, waitingCount, options } = this.#pool;
    return { busy: totalCount - idleCount, max: options.max, waiting: waitingCount };
  }

  /** A deadline for work that begins now. */
  deadline(): number {
    return this.#clock.now() + this.#patienceMs;
  }

  /** Whether work that lost its connection may be tried again; resolves after a pause. */
  async mayRetry(deadline: number, attempt: number): Promise<boolean> {
    const pause = Math.min(retryMsMin * 2 ** attempt, retryMsMax);
    if (this.#clock.now() + pause > deadline) return false;
    await this.pause(pause);
    return true;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  /** One try to get a connection. Rejects at once while the database is known to be away and somebody else is trying. */
  async connect(): Promise<pg.PoolClient> {
    const isAway = this.#awaySince !== null && this.#clock.now() - this.#awaySince > this.#patienceMs;
    if (isAway && this.#probing) throw awayError();
    if (isAway) this.#probing = true;
    try {
      const client = await this.#fresh();
      this.#awaySince = null;
      return client;
    } catch (error) {
      if (isConnectionLoss(error)) this.#awaySince ??= this.#clock.now();
      throw error;
    } finally {
      if (isAway) this.#probing = false;
    }
  }

  /** Gives a connection back; one that is broken is closed, and others of its age with it. */
  release(client: pg.PoolClient, broken: boolean): void {
    if (broken) this.#generation += 1;
    client.release(broken);
  }

  async end(): Promise<void> {
    await this.#pool.end();
  }

  async #fresh(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      const born = this.#born.get(client);
      if (born === undefined) this.#born.set(client, this.#generation);
      if (born === undefined || born === this.#generation) return client;
      client.release(true);
    }
  }
}

function openPool(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(options),
    max: options.connectionsMax,
    // A partition or a machine that is gone without a word: nothing would ever come.
    query_timeout: options.statementTimeoutMs + (options.silentMs ?? silentMsDefault),
    onConnect: (client) => settle(client, options.statementTimeoutMs),
    types: bigintAsNumber,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}

/** What every connection of Holdfast has in common. */
export function connectionOptions({ url }: Pick<PostgresOptions, 'url'>): pg.ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'holdfast',
    keepAlive: true,
  };
}

/** A promise to a client rests on commits being on disk when they are acknowledged, whatever the server's or the role's default is. */
async function settle(client: pg.ClientBase, statementTimeoutMs: number): Promise<void> {
  await client.query(
    `select set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false),
      set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, false)`,
    [String(statementTimeoutMs)],
  );
}
