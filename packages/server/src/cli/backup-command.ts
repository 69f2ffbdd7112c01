/** `holdfast backup`: a copy of a data folder that is in use, with its state, as of one moment. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/schema.ts';
import { formatBytes } from '../core/byte-words.ts';
import { makeFolder } from '../platform/make-folder.ts';
import type { Snapshot } from '../state/sql/snapshot.ts';
import { Backup, type Counts } from './backup.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { lockIfFree } from './node-place.ts';
import { configOfData, type DataOptions, dataOptions } from './open-data.ts';
import { ledgerUrl } from './open-state.ts';
import { isRedis } from './redis-state.ts';

interface Options extends DataOptions {
  readonly json?: boolean;
}

const stateFiles = { sqlite: 'state.db', postgres: 'state.dump' } as const;

export function registerBackup(program: Command, io: CliIo): void {
  const command = program
    .command('backup')
    .argument('<folder>', 'where to; the same folder again copies only what is new')
    .description(
      'Copy a data folder and its state as of one moment, while servers run or not. With SQLite it makes a data folder: to restore, copy it and start a server on the copy. With PostgreSQL the state is in state.dump, for pg_restore.',
    );
  dataOptions(command, 'everything')
    .option('--json', 'the summary as one JSON object')
    .addHelpText(
      'after',
      '\nPostgreSQL needs pg_dump on the PATH. Bytes in S3 are not copied: see docs/deployment.md.\nExit codes: 0 done (what was lost before is told), 1 failed, 2 wrong usage, 130 interrupted: run it again.\n',
    )
    .action((folder: string, options: Options) => run(targetOf(folder), options, io));
}

/** An empty name, as of a variable that is not set, is not the folder that one happens to be in. */
function targetOf(folder: string): string {
  if (folder === '') throw new CommandFailed('Name the folder of the backup.', exitCodes.usage);
  return resolve(folder);
}

async function run(to: string, options: Options, io: CliIo): Promise<void> {
  const config = await configOfData(options, io);
  refuseBucket(config);
  const url = ledgerUrl(config);
  const from = config.dataDir;
  const stateFile = stateFiles[url === null ? 'sqlite' : 'postgres'];
  check(from, url === null ? [stateFile] : ['incoming', 'assets']);
  checkTarget(from, to, stateFile);
  await makeFolder(to);
  const snapshot = (frozen: () => void) => takeSnapshot({ url, from, env: io.env }, frozen);
  const counts = await aloneIn(to, () => new Backup({ from, to, stateFile, signal: io.signal, snapshot }).run());
  if (isRedis(config.state))
    printLine(io.stderr, 'Unfinished uploads are in Redis, and not part of this backup; their clients begin anew.');
  if (counts === null)
    throw new CommandFailed(
      'Interrupted. This backup is not complete; run the same command again.',
      exitCodes.interrupted,
    );
  const lost = [plural(counts.lostAssets, 'asset'), plural(counts.lostArtifacts, 'artifact')].filter(
    (part) => part !== '',
  );
  if (lost.length > 0)
    printLine(
      io.stderr,
      `${lost.join(' and ')} could not be copied: lost in ${from}, or deleted meanwhile; holdfast verify says which are lost.`,
    );
  if (options.json === true) printLine(io.stdout, JSON.stringify(counts));
  else for (const line of summary(counts, to)) printLine(io.stdout, line);
}

function summary(counts: Counts, to: string): string[] {
  const { assets, outside, artifacts, uploads, copied, bytes } = counts;
  const copy = `${assets} assets, ${artifacts} artifacts, ${uploads} unfinished uploads in ${to}; ${copied} files were new (${formatBytes(bytes)}).`;
  if (outside === 0) return [copy];
  return [copy, `The bytes of ${plural(outside, 'more asset')} stay in watched folders: back those up too.`];
}

/** '' of none. */
function plural(count: number, thing: string): string {
  if (count === 0) return '';
  return count === 1 ? `1 ${thing}` : `${count} ${thing}s`;
}

/** Two backups would take each other's files away, and one could end with the other's state, which speaks of bytes that it did not copy. */
async function aloneIn<T>(to: string, work: () => Promise<T>): Promise<T> {
  const lock = lockIfFree(to);
  if (lock === null)
    throw new CommandFailed(
      `Another process works in ${to}: a backup into it, or a check of it. Wait until it is through.`,
      exitCodes.failed,
    );
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function takeSnapshot(
  { url, from, env }: { readonly url: string | null; readonly from: string; readonly env: CliIo['env'] },
  frozen: () => void,
): Promise<Snapshot> {
  if (url === null) {
    const { SqliteSnapshot } = await import('../state/sql/snapshot.ts');
    return SqliteSnapshot.take(join(from, stateFiles.sqlite), frozen);
  }
  const { PostgresSnapshot } = await import('../state/sql/postgres-snapshot.ts');
  return await PostgresSnapshot.take({ url, env }, frozen);
}

/** A copy of the folder would look like a backup, and lack what is elsewhere. */
function refuseBucket(config: Config): void {
  if (config.blobs === 'disk') return;
  throw new CommandFailed(
    'The settings of this server have bytes in S3, which this command does not copy. docs/deployment.md says how to back them up.',
    exitCodes.usage,
  );
}

function check(from: string, needed: readonly string[]): void {
  if (needed.every((name) => existsSync(join(from, name)))) return;
  throw new CommandFailed(`There is no Holdfast data in ${from}. Name its folder with --data.`, exitCodes.usage);
}

function checkTarget(from: string, to: string, stateFile: string): void {
  if (`${to}/`.startsWith(`${from}/`))
    throw new CommandFailed('A backup cannot be inside of the data folder. Name another folder.', exitCodes.usage);
  if (!existsSync(to)) return;
  // What a backup leaves that was interrupted before its first file was whole is nothing else.
  const own = ['lock.db', 'lock.db-journal', 'incoming.new', `${stateFile}.new`, `${stateFile}.new-journal`];
  const there = readdirSync(to).filter((name) => !own.includes(name));
  const other = Object.values(stateFiles).some((name) => name !== stateFile && there.includes(name));
  if (other || (there.length > 0 && !there.includes(stateFile) && !there.includes('assets')))
    throw new CommandFailed(
      `${to} has something else in it. Name an empty folder, or that of an earlier backup.`,
      exitCodes.usage,
    );
  if (there.includes('boot.json') || there.includes('nodes'))
    throw new CommandFailed(
      `A server has been started on ${to}. Name a folder that is only a backup.`,
      exitCodes.usage,
    );
}
