/** Opens what a server keeps for a command that works on it directly: all of it when no server runs, or the ledger beside one that does. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/schema.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import { silentLog } from '../core/ports/log.ts';
import { makeFolder } from '../platform/make-folder.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { inspectPostgres } from '../state/sql/inspect-postgres.ts';
import { lockInstance } from '../state/sql/instance-lock.ts';
import type { State } from '../state/sql/open.ts';
import { Closing } from './closing.ts';
import { type CliIo, CommandFailed, exitCodes, printLine } from './io.ts';
import { openBlobs } from './open-blobs.ts';
import { isShared, ledgerUrl, openLedger, openState } from './open-state.ts';
import { readConfig } from './read-config.ts';
import { assertUploadsHere, isRedis } from './redis-state.ts';
import { knowOutsideAssets } from './watch-node.ts';

export interface DataOptions {
  readonly config?: string;
  readonly data?: string;
  readonly state?: string;
  readonly ledger?: string;
  readonly blobs?: string;
}

export interface StoppedServer {
  readonly state: State;
  readonly disk: BlobStores;
  /** Closes everything, in order. */
  release(): Promise<void>;
}

/** The options of `serve` that say where things are; `needs`: what the command looks at. */
export function dataOptions(command: Command, needs: 'ledger' | 'everything'): Command {
  command
    .option('--config <file>', 'the settings of the server, in YAML or JSON; also HOLDFAST_CONFIG')
    .option('--data <dir>', 'the data directory (default: HOLDFAST_DATA_DIR, or ./data)')
    .option('--state <where>', 'where the state is, as for serve (default: HOLDFAST_STATE, or the folder)')
    .option('--ledger <where>', 'with --state redis://…: where the rest is, as for serve (default: HOLDFAST_LEDGER)');
  if (needs === 'ledger') return command;
  return command.option(
    '--blobs <where>',
    'where the bytes are, as for serve (default: HOLDFAST_BLOBS, or the folder)',
  );
}

/** The settings with the flags of `dataOptions`; `dataDir` is absolute. Rejects with `invalid-request`. */
export async function configOfData(options: DataOptions, io: Pick<CliIo, 'env'>): Promise<Config> {
  const { state, ledger, blobs } = options;
  const flags = { dataDir: options.data, state, ledger, blobs };
  const config = await readConfig({ file: options.config, env: io.env, flags });
  return { ...config, dataDir: resolve(config.dataDir) };
}

/** The stores of a server that does not run. Rejects with words that say what to do when one does, or when there is nothing. */
export async function openStopped(options: DataOptions, io: CliIo): Promise<StoppedServer> {
  return await openAll(await configOfData(options, io), async (config, closing) => {
    // Nothing is acknowledged here, so whatever durability its Redis has will do.
    const settings = { ...config, durability: 'committed' } as const;
    const state = await openState({ ...wishOf(settings), emptyRedis: 'refuse' });
    closing.add('state', () => state.close());
    if (!isRedis(config.state)) await assertUploadsHere(state);
    if (isShared(config)) await assertNobodyThere(state);
    const { dataDir } = config;
    const bytes = { ...config, durability: 'synced', reserveMb: 0 } as const;
    const disk = await openBlobs({
      config: bytes,
      dataDir,
      scratch: join(dataDir, 'scratch'),
      partMap: state.partMap,
    });
    closing.add('bytes', () => disk.blobs.close());
    await knowOutsideAssets(state, disk);
    return { state, disk };
  });
}

/** Where everything but the uploads is, of a server that does not run; otherwise as `openStopped`. */
export async function openStoppedLedger(options: DataOptions, io: CliIo): Promise<Omit<StoppedServer, 'disk'>> {
  return await openAll(await configOfData(options, io), async (config, closing) => {
    const state = await openLedger(wishOf(config));
    closing.add('state', () => state.close());
    if (isShared(config)) await assertNobodyThere(state);
    return { state };
  });
}

/** Under the lock of the folder, if it has one; what was opened before a failure is closed. */
async function openAll<T>(
  config: Config,
  open: (config: Config, closing: Closing) => Promise<T>,
): Promise<T & { release(): Promise<void> }> {
  await assertSomethingThere(config);
  const closing = new Closing();
  const release = () => closing.close(silentLog);
  try {
    if (!isShared(config)) {
      const lock = lockInstance(config.dataDir);
      closing.add('lock', () => lock.release());
    }
    return { ...(await open(config, closing)), release };
  } catch (error) {
    await release();
    throw error;
  }
}

function wishOf(config: Config) {
  return { config, dataDir: config.dataDir, process: `command-${uuidv7()}`, queue: null, log: silentLog };
}

export interface LedgerWish {
  readonly io: CliIo;
  /** Whether it may be the first to use the folder or the database. */
  readonly creates: boolean;
}

/** Where everything but the uploads is, while a server may be at work on it. The caller closes it. */
export async function openLedgerBeside(options: DataOptions, { io, creates }: LedgerWish): Promise<State> {
  const config = await configOfData(options, io);
  const { dataDir } = config;
  if (!creates) await assertSomethingThere(config);
  if (!isShared(config) && !existsSync(dataDir)) {
    await makeFolder(dataDir);
    printLine(io.stderr, `Made the data directory ${dataDir}.`);
  }
  const beside = { shared: (process: string) => ({ sharedAs: process }) };
  return await openLedger({ ...wishOf(config), seat: beside });
}

/** A misspelt name is not made a new, empty place. */
async function assertSomethingThere(config: Config): Promise<void> {
  const { dataDir } = config;
  const url = ledgerUrl(config);
  const found = url === null ? null : await inspectPostgres(url, () => systemClock.now());
  if (found?.schema === null)
    throw new CommandFailed(
      `There is nothing of Holdfast in the database ${found.place}. Name the right one with --state, or --ledger.`,
      exitCodes.usage,
    );
  if (found !== null || existsSync(join(dataDir, 'state.db'))) return;
  throw new CommandFailed(
    `There is no Holdfast data in ${dataDir}. Name its folder with --data, or its database with --state.`,
    exitCodes.usage,
  );
}

async function assertNobodyThere(state: State): Promise<void> {
  const living = await state.nodes.living();
  if (living.length === 0) return;
  throw new CommandFailed(
    `Nodes use this state: ${living.map((node) => node.name).join(', ')}. Stop them first.`,
    exitCodes.failed,
  );
}
