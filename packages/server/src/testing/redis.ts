/** A real Redis for tests: Debian's redis-server, a fresh directory, a free port on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

export interface TestRedis extends AsyncDisposable {
  /** The same for as long as the server is used, also after `kill` and `start`. */
  readonly url: string;
  readonly process: ChildProcess;
  /** kill -9; resolves when it is gone. What it wrote stays. */
  kill(): Promise<void>;
  /** Starts it again on what it had written. */
  start(): Promise<void>;
  /** Stops it and deletes its data. Idempotent. */
  stop(): Promise<void>;
}

/** Settings of redis.conf, over those of the tests: a log that is synced before each answer. */
export type RedisSettings = Readonly<Record<string, string>>;

/** Starts a server: about 50 ms. Rejects when Redis is not installed. */
export async function startRedis(settings: RedisSettings = {}): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const standard = { appendonly: 'yes', appendfsync: 'always', save: '', 'maxmemory-policy': 'noeviction' };
  const all = { bind: '127.0.0.1', port: String(port), dir: directory, ...standard, ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const end = (): void => void child?.kill('SIGKILL');
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = await started(flags, { url, password: settings['requirepass'] });
  };
  const kill = async (): Promise<void> => {
    const running = child;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()));
    running.kill('SIGKILL');
    await gone;
  };
  const stop = async (): Promise<void> => {
    process.off('exit', end);
    await kill();
    await rm(directory, { recursive: true, force: true });
  };
  process.once('exit', end);
  await start();
  return {
    url,
    get process() {
      if (child === null) throw new Error('Redis was not started.');
      return child;
    },
    kill,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function started(
  flags: readonly string[],
  { url, password }: { readonly url: string; readonly password: string | undefined },
): Promise<ChildProcess> {
  const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      log = `${log}${text.toString()}`.slice(-4_000);
    });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(new Error('No redis-server: apt install redis-server', { cause })));
    child.once('exit', () => reject(new Error(`Redis ended:\n${log}`)));
  });
  await Promise.race([answers(url, password), failed]);
  failed.catch(() => {});
  return child;
}

async function answers(url: string, password: string | undefined): Promise<void> {
  const client = new Redis(url, { ...(password === undefined ? {} : { password }), retryStrategy: () => 10 });
  client.on('error', () => {});
  try {
    await client.ping();
  } finally {
    client.disconnect();
  }
}
