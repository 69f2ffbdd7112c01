/**
 * Several pieces of work in one SQLite transaction. A commit costs a disk sync whatever is in it, so all work that has arrived by the
 * time the event loop has handled its input shares one. Each piece runs inside a savepoint: one that throws is undone and rejected alone.
 * Nothing is resolved before the commit.
 */

import { HoldfastError } from '../../core/errors.ts';
import type { Session, Work } from './engine.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { translateSqliteError } from './sqlite-connection.ts';

/** Pieces of work in one transaction: keeps the time that one commit holds others up short. */
const batchMax = 256;

interface Job {
  readonly work: Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Settled =
  | { readonly job: Job; readonly ok: true; readonly value: unknown }
  | { readonly job: Job; readonly ok: false; readonly error: unknown };

export class GroupCommit {
  readonly #connection: SqliteConnection;
  readonly #onAppend: () => void;
  #queue: Job[] = [];
  #state: 'idle' | 'busy' | 'closed' = 'idle';
  #whenIdle: (() => void)[] = [];

  constructor(connection: SqliteConnection, onAppend: () => void) {
    this.#connection = connection;
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
  }

  #schedule(): void {
    this.#state = 'busy';
    // Between two transactions the loop gets to read its sockets, which is also what fills the next transaction.
    setImmediate(() => void this.#runBatch());
  }

  async #runBatch(): Promise<void> {
    const batch = this.#queue.splice(0, batchMax);
    const session = new SqliteSession(this.#connection);
    const settled = await this.#transaction(batch, session);
    for (const result of settled) {
      if (result.ok) result.job.resolve(result.value);
      else result.job.reject(result.error);
    }
    if (session.appended > 0) this.#onAppend();
    if (this.#queue.length > 0) {
      this.#schedule();
      return;
    }
    this.#state = 'idle';
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Runs the batch and commits. When the transaction as a whole fails, every piece is rejected with that. */
  async #transaction(batch: readonly Job[], session: SqliteSession): Promise<readonly Settled[]> {
    try {
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
    this.#connection.exec('savepoint piece');
    try {
      const value = await job.work(session);
      this.#connection.exec('release piece');
      return { job, ok: true, value };
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

class SqliteSession implements Session {
  appended = 0;
  readonly #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async rows<R>(query: Parameters<SqliteConnection['all']>[0]): Promise<R[]> {
    return this.#connection.all(query) as R[];
  }

  async change(query: Parameters<SqliteConnection['run']>[0]): Promise<number> {
    return this.#connection.run(query);
  }
}
