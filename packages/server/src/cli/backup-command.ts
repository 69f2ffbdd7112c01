/**
 * `holdfast backup`: a copy of a data folder that is in use, as of one moment. First the moment: while nobody can commit, the files of
 * unfinished uploads are opened and the state is pinned. Then the bytes that the pinned state speaks of: assets never change, so they
 * are the same later. Copying bytes before the state would miss assets that were recorded in between.
 */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { constants, copyFile, mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DiskLayout } from '../blobs/disk/layout.ts';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../platform/system-clock.ts';
import { Snapshot } from '../state/sql/snapshot.ts';
import { formatBytes } from './format-text.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { configOfData } from './open-data.ts';
import { isShared } from './open-state.ts';
import { isRedis } from './redis-state.ts';

interface Options {
  readonly config?: string;
  readonly data?: string;
  readonly json?: boolean;
}

interface Counts {
  assets: number;
  artifacts: number;
  uploads: number;
  /** Files that this backup had to copy, and their bytes. */
  copied: number;
  bytes: number;
}

/** A recorded run of bytes. */
interface Piece {
  readonly offset: number;
  readonly length: number;
}

const stepBytes = 1024 * 1024;
const markName = 'backup.json';

export function registerBackup(program: Command, io: CliIo): void {
  program
    .command('backup')
    .argument('<folder>', 'where to; the same folder again copies only what is new')
    .description(
      'Copy a data folder as of one moment, while its server runs or not. What it makes is a data folder: to restore, copy it and start a server on the copy.',
    )
    .option('--config <file>', 'the settings of the server, in YAML or JSON; also HOLDFAST_CONFIG')
    .option('--data <dir>', 'the data directory (default: HOLDFAST_DATA_DIR, or ./data)')
    .option('--json', 'the summary as one JSON object')
    .addHelpText(
      'after',
      '\nFor state in PostgreSQL or bytes in S3 see docs/deployment.md.\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted: run it again.\n',
    )
    .action((folder: string, options: Options) => run(resolve(folder), options, io));
}

async function run(to: string, options: Options, io: CliIo): Promise<void> {
  const config = await configOfData(options, io);
  refuseOtherPlaces(config);
  const from = config.dataDir;
  check(from, to);
  await mkdir(to, { recursive: true, mode: 0o700 });
  await rm(join(to, markName), { force: true });
  const backup = new Backup(from, to, () => io.signal.aborted);
  const counts = await backup.run();
  if (isRedis(config.state))
    printLine(io.stderr, 'Unfinished uploads are in Redis, and not part of this backup; their clients begin anew.');
  if (counts === null)
    throw new CommandFailed(
      'Interrupted. This backup is not complete; run the same command again.',
      exitCodes.interrupted,
    );
  if (options.json === true) printLine(io.stdout, JSON.stringify(counts));
  else
    printLine(
      io.stdout,
      `${counts.assets} assets, ${counts.artifacts} artifacts, ${counts.uploads} unfinished uploads in ${to}; ${counts.copied} files were new (${formatBytes(counts.bytes)}).`,
    );
}

/** A copy of the folder would look like a backup, and lack what is elsewhere. */
function refuseOtherPlaces(config: Config): void {
  const elsewhere = [
    ...(isShared(config) ? ['the state in PostgreSQL'] : []),
    ...(config.blobs === 'disk' ? [] : ['bytes in S3']),
  ];
  if (elsewhere.length === 0) return;
  throw new CommandFailed(
    `The settings of this server have ${elsewhere.join(' and ')}, which this command does not copy. docs/deployment.md says how to back them up.`,
    exitCodes.usage,
  );
}

function check(from: string, to: string): void {
  if (!existsSync(join(from, 'state.db')))
    throw new CommandFailed(`There is no Holdfast data in ${from}. Name its folder with --data.`, exitCodes.usage);
  if (`${to}/`.startsWith(`${from}/`))
    throw new CommandFailed('A backup cannot be inside of the data folder. Name another folder.', exitCodes.usage);
  if (!existsSync(to)) return;
  const there = readdirSync(to);
  if (there.length > 0 && !there.includes('state.db') && !there.includes('assets'))
    throw new CommandFailed(
      `${to} has something else in it. Name an empty folder, or that of an earlier backup.`,
      exitCodes.usage,
    );
  if (there.includes('boot.json'))
    throw new CommandFailed(
      `A server has been started on ${to}. Name a folder that is only a backup.`,
      exitCodes.usage,
    );
}

class Backup {
  readonly #from: string;
  readonly #to: string;
  readonly #source: DiskLayout;
  readonly #target: DiskLayout;
  readonly #stopped: () => boolean;
  readonly #counts: Counts = { assets: 0, artifacts: 0, uploads: 0, copied: 0, bytes: 0 };

  constructor(from: string, to: string, stopped: () => boolean) {
    this.#from = from;
    this.#to = to;
    this.#source = new DiskLayout(from);
    this.#target = new DiskLayout(to);
    this.#stopped = stopped;
  }

  /** Null when it was stopped. */
  async run(): Promise<Counts | null> {
    const incoming = join(this.#to, 'incoming.new');
    const state = join(this.#to, 'state.db.new');
    for (const path of [incoming, state]) await rm(path, { recursive: true, force: true });
    const held = new Map<string, number>();
    const snapshot = Snapshot.take(join(this.#from, 'state.db'), () => holdIncoming(this.#source.incoming, held));
    try {
      if (!(await snapshot.writeTo(state, this.#stopped))) return null;
      await synced(state);
      for (const part of [
        () => this.#uploads(snapshot, held, incoming),
        () => this.#assets(snapshot),
        () => this.#artifacts(snapshot),
      ])
        if (!(await part())) return null;
    } finally {
      snapshot.close();
      for (const fd of held.values()) closeSync(fd);
    }
    await this.#publish(incoming, state);
    return this.#counts;
  }

  async #uploads(snapshot: Snapshot, held: ReadonlyMap<string, number>, incoming: string): Promise<boolean> {
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    const rows = snapshot.ask<{ id: string; size: number | null }>(
      `select id, size from uploads where storage = 'held' and asset_id is null and state not in ('failed', 'cancelled', 'expired')`,
    );
    for (const { id, size } of rows) {
      if (this.#stopped()) return false;
      this.#counts.uploads += 1;
      const fd = held.get(id);
      // One without bytes so far, or whose bytes are the asset's already.
      if (fd === undefined) continue;
      const extents = snapshot.ask<Piece>('select "offset", length from extents where upload_id = ?', id);
      this.#counts.bytes += await copyPieces(fd, join(incoming, id), { extents, size });
      this.#counts.copied += 1;
    }
    return true;
  }

  async #assets(snapshot: Snapshot): Promise<boolean> {
    for (const { id } of snapshot.ask<{ id: string }>('select id from assets order by id')) {
      if (this.#stopped()) return false;
      const from = this.#source.assetFile(id);
      this.#counts.assets += 1;
      // Bytes that stay in watched folders are backed up with those.
      if (existsSync(from)) await this.#copy(from, this.#target.assetFile(id));
    }
    return await this.#finishing(snapshot);
  }

  /** Uploads that are being finished: their bytes may be in the asset store already, where the restored server looks for them. */
  async #finishing(snapshot: Snapshot): Promise<boolean> {
    const rows = snapshot.ask<{ digest: string | null }>(
      `select digest from uploads where state = 'assembling' union
       select extents.sha256 from uploads join extents on upload_id = uploads.id
       where state = 'validating' and extents.length = uploads.size`,
    );
    for (const { digest } of rows)
      if (digest !== null && existsSync(this.#source.assetFile(digest)))
        await this.#copy(this.#source.assetFile(digest), this.#target.assetFile(digest));
    return true;
  }

  async #artifacts(snapshot: Snapshot): Promise<boolean> {
    for (const { key, name } of snapshot.ask<{ key: string; name: string }>(
      'select step_key as key, name from artifacts order by step_key, name',
    )) {
      if (this.#stopped()) return false;
      await this.#copy(this.#source.artifactFile(key, name), this.#target.artifactFile(key, name));
      this.#counts.artifacts += 1;
    }
    return true;
  }

  /** Passed over when it is there with the same size and time. Durable, and under its name only when it is whole. */
  async #copy(from: string, to: string): Promise<void> {
    const is = await stat(from);
    const was = await stat(to).catch(() => null);
    if (was !== null && was.size === is.size && Math.floor(was.mtimeMs) === Math.floor(is.mtimeMs)) return;
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await copyFile(from, `${to}.new`, constants.COPYFILE_FICLONE);
    await utimes(`${to}.new`, is.atime, is.mtime);
    await synced(`${to}.new`);
    await rename(`${to}.new`, to);
    this.#counts.copied += 1;
    this.#counts.bytes += is.size;
  }

  async #publish(incoming: string, state: string): Promise<void> {
    const name = await readFile(join(this.#from, 'node-id')).catch(() => null);
    if (name !== null) await writeFile(join(this.#to, 'node-id'), name, { mode: 0o600 });
    await rm(this.#target.incoming, { recursive: true, force: true });
    await rename(incoming, this.#target.incoming);
    await rename(state, join(this.#to, 'state.db'));
    const mark = { at: new Date(systemClock.now()).toISOString(), ...this.#counts };
    await writeFile(join(this.#to, markName), `${JSON.stringify(mark)}\n`, { flush: true });
    await synced(this.#to);
  }
}

/** Keeps every file open: what happens to its name does not matter any more, and bytes that were acknowledged are never written over. */
function holdIncoming(incoming: string, held: Map<string, number>): void {
  for (const name of readdirSync(incoming)) held.set(name, openSync(join(incoming, name), 'r'));
}

/** Only what is recorded, so that gaps stay gaps. Resolves to the bytes copied. */
async function copyPieces(
  from: number,
  to: string,
  { extents, size }: { readonly extents: readonly Piece[]; readonly size: number | null },
): Promise<number> {
  const file = await open(to, 'wx', 0o600);
  const buffer = Buffer.allocUnsafe(stepBytes);
  let copied = 0;
  try {
    if (size !== null) await file.truncate(size);
    for (const { offset, length } of extents) {
      for (let at = 0; at < length; ) {
        const taken = readSync(from, buffer, 0, Math.min(stepBytes, length - at), offset + at);
        // What is missing here is missing in the store too; `verify` of the backup says so.
        if (taken === 0) break;
        await file.write(buffer, 0, taken, offset + at);
        at += taken;
        copied += taken;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return copied;
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
