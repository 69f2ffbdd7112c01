/**
 * Tells other nodes that something was appended, and hears it of them. A hint and nothing more: what is said while nobody listens is lost,
 * so everybody who waits for events looks by themselves as well. Said after the commit and on a connection of its own, because a NOTIFY in
 * a transaction makes all commits of the database wait for each other (PostgreSQL's async.c, PreCommit_Notify: a lock that is held until the end
 * of the transaction), and several appends share one word.
 *
 * waiting → connected → waiting … → closed. Reconnects with back-off; a connection that does not answer a look is given up.
 */
import pg from 'pg';
import type { Clock } from '../../core/ports/clock.ts';
import { connectionOptions } from './postgres-pool.ts';

const channel = 'holdfast_events';
const retryMsMin = 250;
const retryMsMax = 10_000;
const lookMs = 10_000;
const answerMs = 5_000;
/** Appends within this time share one word. */
const gatherMs = 20;

export interface ChannelOptions {
  readonly url: string;
  readonly clock: Clock;
  /** Tells our own words from those of others. */
  readonly process: string;
  /** Something may have been appended elsewhere. */
  heard(): void;
}

export class PostgresChannel {
  readonly #options: ChannelOptions;
  #client: pg.Client | null = null;
  #closed = false;
  #failures = 0;
  #cancelTimer: () => void = () => {};
  #cancelWord: (() => void) | null = null;
  #connecting: Promise<void> = Promise.resolve();
  #asking: Promise<unknown> = Promise.resolve();

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#client !== null;
  }

  /** Begins to listen, in the background. */
  open(): void {
    this.#connecting = this.#connect();
  }

  /** Something was appended here. Cheap; never rejects. */
  tell(): void {
    this.#cancelWord ??= this.#options.clock.after(gatherMs, () => {
      this.#cancelWord = null;
      const words = { text: 'select pg_notify($1, $2)', values: [channel, this.#options.process] };
      const client = this.#client;
      // Lost with its connection; the others look by themselves.
      if (client !== null) void this.#ask(() => client.query(words)).catch(() => {});
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    this.#cancelWord?.();
    await this.#connecting;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const { url, heard, process } = this.#options;
    const client = new pg.Client({ ...connectionOptions({ url }), query_timeout: answerMs });
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      this.#ended(client);
    };
    client.on('error', end);
    client.on('end', end);
    client.on('notification', ({ payload }) => {
      if (payload !== process) heard();
    });
    try {
      await client.connect();
      // Nobody waits for a word to be on disk.
      await client.query('set synchronous_commit = off');
      await client.query(`listen ${channel}`);
      if (this.#closed || over) return void (await client.end().catch(() => {}));
      this.#client = client;
      this.#failures = 0;
      this.#lookLater(client, end);
      // What was said before is lost, by others and by us.
      heard();
      this.tell();
    } catch {
      end();
    }
  }

  /** A connection that is cut without a word ends only when somebody asks. */
  #lookLater(client: pg.Client, end: () => void): void {
    this.#cancelTimer = this.#options.clock.after(lookMs, () => {
      this.#ask(() => client.query('select 1')).then(() => {
        if (this.#client === client) this.#lookLater(client, end);
      }, end);
    });
  }

  /** One statement after the other. */
  #ask(question: () => Promise<unknown>): Promise<unknown> {
    const answer = this.#asking.then(question);
    this.#asking = answer.catch(() => {});
    return answer;
  }

  #ended(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
    this.#cancelTimer();
    void client.end().catch(() => {});
    if (this.#closed) return;
    const pause = Math.min(retryMsMin * 2 ** this.#failures, retryMsMax);
    this.#failures += 1;
    this.#cancelTimer = this.#options.clock.after(pause, () => this.open());
  }
}
