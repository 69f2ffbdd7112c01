/** The connection to Redis: waits for a server that is away, for a while, and tells failures in the words of the rest of Holdfast. */
import { Redis } from 'ioredis';
import { HoldfastError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Log } from '../../core/ports/log.ts';
import { type ScriptName, scripts } from './scripts.ts';

/** How long a request waits for a Redis that is away before it is answered that it is. */
const standardPatienceMs = 4_000;
/** A server that stands still is given up with the connection open. */
const commandTimeoutMs = 3_000;
const pauseMs = 50;
const reconnectMsMax = 500;

type ScriptCalls = Readonly<Record<ScriptName, (...args: readonly string[]) => Promise<unknown>>>;

export interface LinkOptions {
  /** `redis://`, `rediss://` (TLS) or the path of a socket. May have a password in it: never logged. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a request waits for a Redis that is away. Default 4 s. */
  readonly patienceMs?: number;
}

/**
 * Commands are not resent by the driver: a write whose answer was lost may have been done. Whoever calls `run` says, by doing so, that
 * its work may be done again; see the versions in `scripts.ts`.
 */
export class RedisLink {
  readonly #client: Redis;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#clock = options.clock;
    this.#patienceMs = options.patienceMs ?? standardPatienceMs;
    this.#client = connection(options, scripts);
  }

  /** Does the work, again after a loss of the connection. Rejects with `unavailable` when Redis stays away, `insufficient-storage` when it is full. */
  async run<T>(work: (client: Redis) => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + this.#patienceMs;
    for (;;) {
      if (this.#closed) throw new HoldfastError('shutting-down', 'The state store is closed.');
      try {
        return await work(this.#client);
      } catch (thrown) {
        const error = reasonOf(thrown);
        if (!isOutage(error) || this.#closed) throw translated(error);
        if (this.#clock.now() + pauseMs >= deadline) throw away(error);
        await new Promise<void>((resolve) => void this.#clock.after(pauseMs, resolve));
      }
    }
  }

  script(name: ScriptName, key: string, ...args: readonly string[]): Promise<unknown> {
    return this.run((client) => (client as unknown as ScriptCalls)[name](key, ...args));
  }

  /** Waits for the first answer of the server. Rejects with `unavailable`, with the reason. */
  async ready(): Promise<void> {
    let reason = 'no answer in time';
    const note = (error: Error): void => {
      reason = error.message;
    };
    this.#client.on('error', note);
    try {
      await this.run(async (client) => {
        if (client.status === 'wait') await client.connect();
        await client.ping();
      });
    } catch (cause) {
      throw new HoldfastError('unavailable', `Redis does not answer: ${reason}`, { cause });
    } finally {
      this.#client.off('error', note);
    }
  }

  close(): void {
    this.#closed = true;
    this.#client.disconnect();
  }
}

/** Calls back for every message of a channel, for as long as it is not closed. Messages while the connection is lost are lost. */
export function hear(options: LinkOptions, channel: string, listener: () => void): () => void {
  const client = connection(options, {});
  client.on('message', () => listener());
  // Somebody may have spoken while nobody could hear.
  client.on('ready', () => void client.subscribe(channel).then(listener, () => {}));
  client.connect().catch(() => {});
  return () => client.disconnect();
}

function connection(
  { url, log, patienceMs = standardPatienceMs }: LinkOptions,
  lua: Readonly<Record<string, string>>,
): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // What is under way when the connection is lost is told at once.
    maxRetriesPerRequest: 0,
    commandTimeout: Math.min(commandTimeoutMs, patienceMs),
    connectTimeout: commandTimeoutMs,
    retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 8), reconnectMsMax),
    // After a fail-over the old primary is a replica.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    scripts: Object.fromEntries(Object.entries(lua).map(([name, source]) => [name, { lua: source, numberOfKeys: 1 }])),
  });
  let away = false;
  client.on('error', (error: Error) => {
    if (!away) log.warn({ reason: error.message }, 'Redis does not answer; connecting again');
    away = true;
  });
  client.on('ready', () => {
    if (away) log.info({}, 'Redis answers again');
    away = false;
  });
  return client;
}

const passingReplies = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|UNBLOCKED)\b/;

/** Whatever is no answer of the server is a loss of the connection; of its answers, some are about a state that passes. */
function isOutage(error: unknown): boolean {
  if (error instanceof HoldfastError) return false;
  if (!(error instanceof Error)) return false;
  return isReply(error) ? passingReplies.test(error.message) : isConnectionLoss(error);
}

/** Of commands that go together: why they were not taken. The server's last word says only that they were not. */
function reasonOf(thrown: unknown): unknown {
  const { previousErrors } = (thrown ?? {}) as { previousErrors?: readonly unknown[] };
  return previousErrors?.[0] ?? thrown;
}

function isReply(error: Error): boolean {
  return error.name === 'ReplyError';
}

const lost =
  /^(?:Connection is closed|Stream isn't writeable|Command timed out|Command aborted|connect |read |write |Socket |Reached the max retries|getaddrinfo|Redis is already connect)/;

function isConnectionLoss(error: Error): boolean {
  return (
    'code' in error ||
    error.name === 'MaxRetriesPerRequestError' ||
    error.name === 'AbortError' ||
    lost.test(error.message)
  );
}

function translated(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof HoldfastError || !isReply(error)) return error;
  const { message } = error;
  if (message.startsWith('OOM'))
    return new HoldfastError('insufficient-storage', 'Redis has no memory left for uploads.', { cause: error });
  if (message.startsWith('MISCONF'))
    return new HoldfastError('insufficient-storage', 'Redis cannot write to its disk.', { cause: error });
  if (/^(?:NOAUTH|WRONGPASS|NOPERM)/.test(message)) return away(error);
  return error;
}

/** Without the reason, which names hosts: this is told to clients. The log has it. */
function away(cause: unknown): HoldfastError {
  return new HoldfastError('unavailable', 'Redis does not answer.', { cause });
}
