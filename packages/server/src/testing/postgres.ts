/** A real PostgreSQL server for tests: Debian's binaries, a fresh data directory, a free port on loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

const run = promisify(execFile);
const installations = '/usr/lib/postgresql';
const user = 'holdfast';

export interface TestPostgres extends AsyncDisposable {
  /** Connection string of the database that is always there. */
  readonly url: string;
  /** Creates an empty database and resolves to its connection string. */
  createDatabase(): Promise<string>;
  /** Kills the server and starts it again, on the same port with the same data; resolves when it answers. */
  restart(): Promise<void>;
  /** Stops the server and deletes its data. Idempotent. */
  stop(): Promise<void>;
}

/** Who runs the server: PostgreSQL refuses to run as root. */
interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a server. About a second. Rejects when PostgreSQL is not installed. */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = await findBinaries();
  const owner = await findOwner();
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-pg-'));
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  const initdb = ['-D', data, '-U', user, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(bin, 'initdb'), initdb, { ...owner, cwd: directory });
  const port = await freePort();
  const start = () => startServer({ bin, data, port, owner, directory });
  let server = start();
  const url = `postgres://${user}@127.0.0.1:${port}/postgres`;
  const stop = once(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  try {
    await server.ready(url);
  } catch (error) {
    await stop();
    throw error;
  }
  const restart = async () => {
    await server.stop();
    server = start();
    await server.ready(url);
  };
  return { url, stop, restart, createDatabase: () => createDatabaseOn(url), [Symbol.asyncDispose]: stop };
}

/** Creates an empty database on the server at `url` and resolves to its connection string. */
export async function createDatabaseOn(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

function startServer(options: { bin: string; data: string; port: number; owner: Owner; directory: string }) {
  // Tests of durability kill our processes, not the machine: without fsync they are twice as fast and see the same.
  const settings = {
    listen_addresses: '127.0.0.1',
    port: options.port,
    unix_socket_directories: options.directory,
    fsync: 'off',
    max_connections: 100,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(options.bin, 'postgres'), ['-D', options.data, ...flags], {
    ...options.owner,
    cwd: options.directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log = `${log}${text.toString()}`.slice(-4_000);
  });
  const abort = (): void => void child.kill('SIGQUIT');
  process.once('exit', abort);
  return {
    ready: (url: string) => untilReady(url, child, () => log),
    stop: async (): Promise<void> => {
      process.off('exit', abort);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      // "Immediate": nothing in there is wanted any more.
      child.kill('SIGQUIT');
      await ended;
    },
  };
}

async function untilReady(url: string, child: ChildProcess, log: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`PostgreSQL ended at start:\n${log()}`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function findBinaries(): Promise<string> {
  const versions = await readdir(installations).catch(() => []);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`No PostgreSQL in ${installations}: apt install postgresql`);
  return join(installations, newest, 'bin');
}

async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= work();
    return done;
  };
}

/** For vitest's `globalSetup`: one server for all test files, whose address they `inject('postgresUrl')`. */
export default async function setup(project: {
  provide(name: 'postgresUrl', url: string): void;
}): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the server that `globalSetup` started, if it did. */
    postgresUrl: string;
  }
}
