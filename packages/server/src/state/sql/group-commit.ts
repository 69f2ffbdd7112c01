/**
 * Several pieces of work in one SQLite transaction: all work that arrives while the log is being synced for the one before, or until the
 * event loop has handled its input. Each piece runs inside a savepoint: one that throws is undone and rejected alone.
 *
 * Nothing is resolved before the commit, and nothing that has to survive a power cut before the log is synced. What arrives during a sync
 * has to wait for the next one anyway; in one transaction it writes a page that many rows share once. A reader sees what is committed and waits for the sync of it (`seen`), so that nobody
 * is told of something that a power cut would undo.
 */

import { HoldfastError } from '../../core/errors.ts';
import type { Session, Work } from './engine.ts';
import type { LogSync } from './log-sync.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { translateSqliteError } from './sqlite-connection.ts';

/** Pieces of work in one transaction: keeps the time that one commit holds others up short. */
const batchMax = 256;

/** What is asked of the log of the database. */
type Log = Pick<LogSync, 'run' | 'assertSound'>;

interface Job {
  readonly work: Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Settled =
  | { readonly job: Job; readonly ok: true; readonly value: unknown; readonly durable: boolean }
  | { readonly job: Job; readonly ok: false; readonly error: unknown };

export class GroupCommit {
  readonly #connection: SqliteConnection;
  readonly #log: Log;
  readonly #onAppend: () => void;
  /** The sync of everything committed so far that has to be durable; null when it is. */
  #pending: Promise<void> | null = null;
  #queue: Job[] = [];
  #state: 'idle' | 'busy' | 'closed' = 'idle';
  #whenIdle: (() => void)[] = [];

  constructor(connection: SqliteConnection, log: Log, onAppend: () => void) {
    this.#connection = connection;
    this.#log = log;
    this.#onAppend = onAppend;
  }

  write<T>(work: Work<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closed') {
        reject(new HoldfastError('shutting-down', 'The state store is closed.'));
        return;
      }
      this.#queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (this.#state === 'idle') this.#schedule();
    });
  }

  /** Refuses new work and resolves when what was accepted is done. */
  async close(): Promise<void> {
    if (this.#state === 'busy') await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#state = 'closed';
    await this.#pending?.catch(() => {});
  }

  /** Resolves when all that a reader can see now is durable as far as it has to be. Null when it is already. */
  get seen(): Promise<void> | null {
    return this.#pending;
  }

  #schedule(): void {
    this.#state = 'busy';
    // Between two transactions the loop gets to read its sockets, which is also what fills the next transaction.
    const next = () => setImmediate(() => void this.#runBatch());
    if (this.#pending === null) next();
    else this.#pending.then(next, next);
  }

  async #runBatch(): Promise<void> {
    const batch = this.#queue.splice(0, batchMax);
    const session = new SqliteSession(this.#connection);
    const settled = await this.#transaction(batch, session);
    const waiting = settled.filter((result) => result.ok && result.durable);
    settle(settled.filter((result) => !(result.ok && result.durable)));
    if (waiting.length > 0) this.#sync(waiting);
    if (session.appended > 0) this.#onAppend();
    if (this.#queue.length > 0) {
      this.#schedule();
      return;
    }
    this.#state = 'idle';
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Makes what was committed durable, then resolves those who wait for it. */
  #sync(waiting: readonly Settled[]): void {
    const sync = this.#log.run().then(
      () => settle(waiting),
      (error: unknown) => {
        settle(waiting.map(({ job }) => ({ job, ok: false, error })));
        throw error;
      },
    );
    this.#pending = sync;
    const done = () => {
      if (this.#pending === sync) this.#pending = null;
    };
    sync.then(done, done);
  }

  /** Runs the batch and commits. When the transaction as a whole fails, every piece is rejected with that. */
  async #transaction(batch: readonly Job[], session: SqliteSession): Promise<readonly Settled[]> {
    try {
      this.#log.assertSound();
      this.#connection.exec('begin immediate');
      const settled: Settled[] = [];
      for (const job of batch) settled.push(await this.#one(job, session));
      this.#connection.exec('commit');
      return settled;
    } catch (cause) {
      const error = translateSqliteError(cause);
      if (this.#connection.inTransaction) this.#connection.exec('rollback');
      session.appended = 0;
      return batch.map((job) => ({ job, ok: false, error }));
    }
  }

  async #one(job: Job, session: SqliteSession): Promise<Settled> {
    const appended = session.appended;
    session.durable = true;
    this.#connection.exec('savepoint piece');
    try {
      const value = await job.work(session);
      this.#connection.exec('release piece');
      return { job, ok: true, value, durable: session.durable };
    } catch (error) {
      // A full disk or a failed read can end the whole transaction: then nobody's work is left to be committed.
      if (!this.#connection.inTransaction) throw error;
      this.#connection.exec('rollback to piece');
      this.#connection.exec('release piece');
      session.appended = appended;
      return { job, ok: false, error: translateSqliteError(error) };
    }
  }
}

function settle(results: readonly Settled[]): void {
  for (const result of results) {
    if (result.ok) result.job.resolve(result.value);
    else result.job.reject(result.error);
  }
}

class SqliteSession implements Session {
  appended = 0;
  durable = true;
  readonly #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /** Nobody has to be told: who delivers steps from a file looks for them there. */
  stepDue(): void {}

  async rows<R>(query: Parameters<SqliteConnection['all']>[0]): Promise<R[]> {
    return this.#connection.all(query) as R[];
  }

  async change(query: Parameters<SqliteConnection['run']>[0]): Promise<number> {
    return this.#connection.run(query);
  }
}
