/**
 * What belongs to one node alone in a data folder: its name, its scratch folder, its record of how its last run ended. With SQLite the
 * folder is one node's as a whole. Nodes that share a database may share the folder: each then has a place of its own under `nodes/`.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
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
  /** Lets go. Idempotent. */
  release(): void;
}

/** Places that are made without being asked for by name. */
const placesMax = 256;

/** Throws `unavailable` when another process of this machine has the place. The data folder has to exist. */
export async function takePlace(
  config: Pick<Config, 'state' | 'ledger' | 'nodeName'>,
  dataDir: string,
): Promise<NodePlace> {
  if (!isShared(config)) return await placeAt(dataDir, lockInstance(dataDir), config.nodeName);
  const root = join(dataDir, 'nodes');
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (config.nodeName !== undefined) {
    const dir = join(root, config.nodeName);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return await placeAt(dir, lockNamed(dir, config.nodeName), config.nodeName);
  }
  for (let i = 1; i <= placesMax; i += 1) {
    const dir = join(root, String(i));
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const lock = lockIfFree(dir);
    if (lock !== null) return await placeAt(dir, lock, undefined);
  }
  throw new HoldfastError('unavailable', `All ${placesMax} places in ${root} are taken: give each node a --node-name.`);
}

/** Names of the places in a shared data folder, in use or not. */
export async function placesIn(dataDir: string): Promise<string[]> {
  return await readdir(join(dataDir, 'nodes')).catch(() => []);
}

async function placeAt(dir: string, lock: InstanceLock, name: string | undefined): Promise<NodePlace> {
  try {
    const holder = name ?? (await nodeIdentity(dir));
    const place = { holder, process: `${holder}/${uuidv7()}`, dir, scratch: join(dir, 'scratch') };
    return { ...place, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockNamed(dir: string, name: string): InstanceLock {
  const lock = lockIfFree(dir);
  if (lock !== null) return lock;
  throw new HoldfastError(
    'unavailable',
    `A node named "${name}" runs on this data folder already. Stop it, or give this one another --node-name.`,
  );
}

function lockIfFree(dir: string): InstanceLock | null {
  try {
    return lockInstance(dir);
  } catch (error) {
    const busy = (error as HoldfastError).cause;
    if ((busy as { code?: string } | undefined)?.code?.startsWith('SQLITE_BUSY') === true) return null;
    throw error;
  }
}
