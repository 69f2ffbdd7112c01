/**
 * What belongs to one node alone in a data folder: its name, its scratch folder, its record of how its last run ended. With SQLite the
 * folder is one node's as a whole. Nodes that share a database may share the folder: each then has a place of its own under `nodes/`.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { type InstanceLock, lockInstance } from '../state/sql/instance-lock.ts';
import { nodeIdentity } from './node-identity.ts';
import { isShared } from './open-state.ts';

export interface NodePlace {
  /** Name in leases: the same after a restart, so that a node recognises what it left behind. */
  readonly holder: string;
  /** Name of this process: never the same again. */
  readonly process: string;
  /** Where the place is: boot record and identity. */
  readonly dir: string;
  readonly scratch: string;
  /** The folder that has the places of all nodes; null: the data folder is this node's alone. */
  readonly root: string | null;
  /** Lets go. Idempotent. */
  release(): void;
}

/** Places that are made without being asked for by name. */
const placesMax = 256;
const lookMs = 200;
const looksMax = 10;

/** Throws `unavailable` when another process of this machine has the place. The data folder has to exist. */
export async function takePlace(
  config: Pick<Config, 'state' | 'ledger' | 'nodeName'>,
  dataDir: string,
): Promise<NodePlace> {
  if (!isShared(config)) return await placeAt({ dir: dataDir, root: null }, lockInstance(dataDir), config.nodeName);
  const root = join(dataDir, 'nodes');
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (config.nodeName !== undefined) {
    const dir = join(root, config.nodeName);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return await placeAt({ dir, root }, await lockNamed(dir, config.nodeName), config.nodeName);
  }
  for (let i = 1; i <= placesMax; i += 1) {
    const dir = join(root, String(i));
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const lock = lockIfFree(dir);
    if (lock !== null) return await placeAt({ dir, root }, lock, undefined);
  }
  throw new HoldfastError('unavailable', `All ${placesMax} places in ${root} are taken: give each node a --node-name.`);
}

/** Names of the places in use or not. */
export async function placesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function placeAt(
  { dir, root }: Pick<NodePlace, 'dir' | 'root'>,
  lock: InstanceLock,
  name: string | undefined,
): Promise<NodePlace> {
  try {
    const holder = name ?? (await nodeIdentity(dir));
    const place = { holder, process: `${holder}/${uuidv7()}`, dir, root, scratch: join(dir, 'scratch') };
    return { ...place, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A node that starts looks into places that are free, which takes a moment. */
async function lockNamed(dir: string, name: string): Promise<InstanceLock> {
  for (let look = 0; look < looksMax; look += 1) {
    const lock = lockIfFree(dir);
    if (lock !== null) return lock;
    await new Promise<void>((resolve) => systemClock.after(lookMs, resolve));
  }
  throw new HoldfastError(
    'unavailable',
    `A node named "${name}" runs on this data folder already. Stop it, or give this one another --node-name.`,
  );
}

/** Null when another process of this machine has the place. */
export function lockIfFree(dir: string): InstanceLock | null {
  try {
    return lockInstance(dir);
  } catch (error) {
    const busy = (error as HoldfastError).cause;
    if ((busy as { code?: string } | undefined)?.code?.startsWith('SQLITE_BUSY') === true) return null;
    throw error;
  }
}
