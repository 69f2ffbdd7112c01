/** Remembers across runs on which boot of the machine the store was last open, and whether it was closed in order. */
import { constants } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, translated } from './io-errors.ts';

interface BootFacts {
  readonly bootId: string | null;
  readonly cleanShutdown: boolean;
}

/**
 * How the last run ended:
 * - first: there was none (no record)
 * - clean: it was closed in order; everything it acknowledged was synced
 * - process-ended: it was killed or crashed, but the machine stayed up: the page cache has all that was written
 * - machine-went-down: the machine was started anew (or may have been: no boot id, or a record that cannot be read) without a clean
 *   close. Under durability `committed`, extents have to be verified before they are trusted
 */
export type LastRun = 'first' | 'clean' | 'process-ended' | 'machine-went-down';

/** A run that is open. */
export interface OpenRun {
  /** Records its clean end. Call it last, after the stores were closed: only their close syncs everything. */
  markClean(): Promise<void>;
}

function parse(text: string): BootFacts | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('bootId' in value) || !('cleanShutdown' in value)) return null;
    const { bootId, cleanShutdown } = value;
    if ((bootId !== null && typeof bootId !== 'string') || typeof cleanShutdown !== 'boolean') return null;
    return { bootId, cleanShutdown };
  } catch {
    return null;
  }
}

async function readLastRun(path: string, bootId: string | null): Promise<LastRun> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'first';
    throw error;
  }
  const last = parse(text);
  if (last?.cleanShutdown === true) return 'clean';
  return last !== null && bootId !== null && last.bootId === bootId ? 'process-ended' : 'machine-went-down';
}

async function replace(directory: string, facts: BootFacts): Promise<void> {
  const path = join(directory, 'boot.json');
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(facts)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads how the last run ended from `<directory>/boot.json`, without changing it. A caller that has to verify extents does so before
 * `beginRun`: if that is interrupted, the next start finds the same.
 */
export async function readBootRecord(directory: string, bootId: string | null): Promise<LastRun> {
  return translated('reading the boot record', () => readLastRun(join(directory, 'boot.json'), bootId));
}

/** Records that a run is open on this boot. From now on only `markClean` makes the next start find a clean end. */
export async function beginRun(directory: string, bootId: string | null): Promise<OpenRun> {
  await translated('writing the boot record', () => replace(directory, { bootId, cleanShutdown: false }));
  return { markClean: () => markClean(directory, bootId) };
}

/** Records the clean end of a run that other processes began and closed. */
export async function markClean(directory: string, bootId: string | null): Promise<void> {
  await translated('writing the boot record', () => replace(directory, { bootId, cleanShutdown: true }));
}
