/** What the store asks of a database engine. Kysely only builds and compiles queries here; engines run them. */
import type { Compilable, CompiledQuery, Kysely, RawBuilder } from 'kysely';
import type { DueStep } from '../../core/ports/due-steps.ts';
import type { Tables } from './schema.ts';

/** Where SQLite and PostgreSQL differ, as data. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres';
  /** Builds and compiles queries; has no connection. */
  readonly build: Kysely<Tables>;
  /** Whether rows have to be locked: SQLite's write transactions exclude each other, PostgreSQL's do not. */
  readonly rowLocks: boolean;
  /** The engine's own clock in epoch milliseconds, for leases that several machines compare. */
  readonly now: RawBuilder<number>;
  /** Takes a lock by name until the transaction ends; null when write transactions exclude each other anyway. */
  readonly lockByName: ((name: string) => CompiledQuery) | null;
  readonly eventIds: EventIds | null;
}

/**
 * How PostgreSQL numbers events. A sequence would hand out numbers in another order than transactions commit, so that a reader could
 * pass a number that appears later. Therefore an id is made of the transaction's number, `(base + xid) × 4096 + index`, and a reader
 * sees only ids of transactions below the oldest one that still runs: nothing can appear before those any more. `base` makes up for
 * a restored database, whose transactions are counted from the start again. SQLite has one writer at a time: a plain counter does.
 */
export interface EventIds {
  /** The id of this transaction's event number `index`, counted from 0. */
  id(index: number): RawBuilder<number>;
  /** Ids below this are complete. */
  readonly horizon: RawBuilder<number>;
  readonly perTransactionMax: number;
  /**
   * What to throw when this transaction's number is below that of the subject's last event, so that the engine does the work again under a new
   * one: a transaction that waited for a row can have its number from before another one got ahead of it.
   */
  outOfTurn(): Error;
}

/** A connection inside a transaction. */
export interface Session {
  /** Runs a statement that returns rows. */
  rows<R>(query: CompiledQuery<R>): Promise<R[]>;
  /** Runs a statement that returns none; resolves to the number of rows it changed. */
  change(query: CompiledQuery<unknown>): Promise<number>;
  /** Events that this transaction has appended so far; the store raises it. */
  appended: number;
  /** The step can be claimed from its time on, once this transaction is committed: told to whoever delivers steps, if anybody has to be told. */
  stepDue(step: DueStep): void;
  /**
   * Whether this work has to survive a power cut once it resolves. Set to false by work for which surviving the process is enough;
   * an engine may still do more.
   */
  durable: boolean;
}

/** Work inside a transaction. May be called again when the engine has to retry; awaits nothing but the session. */
export type Work<T> = (session: Session) => Promise<T>;

/**
 * Failures are HoldfastErrors (`insufficient-storage`, `unavailable`, `storage-damaged`), except broken constraints, which are programmer
 * errors and pass through as they are.
 */
export interface Engine {
  readonly dialect: Dialect;
  /** Runs one reading statement outside any transaction, on committed data. */
  read<R>(query: CompiledQuery<R>): Promise<R[]>;
  /** Runs the work in a write transaction of its own or shared with others; durable when it resolves (see `Session.durable`), without any effect when it rejects. */
  write<T>(work: Work<T>): Promise<T>;
  /** Calls back after commits of this process that appended events. */
  onAppend(listener: () => void): () => void;
  /** A value that changes when another process may have appended events; null where there is nothing cheaper than a query. */
  foreignChanges(): Promise<number>;
  /** What it is and how it does, in a line for people. Rejects when it does not answer. */
  describe(): Promise<string>;
  close(): Promise<void>;
}

class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Builds and compiles a query once, with a place for every argument: Kysely's compiling costs more than running a statement does, so
 * the statements of the hot path go through here.
 */
export function prepare<A extends object, R>(
  build: (arg: <K extends keyof A & string>(name: K) => A[K]) => Compilable<R>,
): (args: A) => CompiledQuery<R> {
  const compiled = build((name) => new Placeholder(name) as never).compile();
  const sources = compiled.parameters.map((value) => (value instanceof Placeholder ? value.name : null));
  return (args) => {
    const given = args as Readonly<Record<string, unknown>>;
    const parameters = sources.map((name, i) => (name === null ? compiled.parameters[i] : given[name]));
    return { sql: compiled.sql, parameters, query: compiled.query, queryId: compiled.queryId };
  };
}

/** Statements that are prepared once for each dialect, for those that have no object to keep them. */
export function perDialect<Q>(make: (dialect: Dialect) => Q): (dialect: Dialect) => Q {
  const made = new WeakMap<Dialect, Q>();
  return (dialect) => {
    const known = made.get(dialect) ?? make(dialect);
    made.set(dialect, known);
    return known;
  };
}

/** Statements with a number in their text. It is one of the settings, so there are few of them. */
export function perNumber<Q>(make: (number: number) => Q): (number: number) => Q {
  const made = new Map<number, Q>();
  return (number) => {
    const known = made.get(number) ?? make(number);
    made.set(number, known);
    return known;
  };
}

/** The first row, or null. */
export function first<R>(rows: readonly R[]): R | null {
  return rows[0] ?? null;
}
