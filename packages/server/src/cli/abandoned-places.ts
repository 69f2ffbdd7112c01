/** Places of a shared data folder whose node is gone: what it left in its scratch folder, and whether its machine went down. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beginRun, type LastRun, readBootRecord } from '../blobs/disk/boot-record.ts';
import type { NodeRegistry } from '../core/ports/node-registry.ts';
import { lockIfFree, type NodePlace, placesIn } from './node-place.ts';
import { processIn } from './presence.ts';

export interface Abandoned {
  readonly dir: string;
  readonly lastRun: LastRun;
}

/**
 * Empties the scratch folders of nodes that are gone and tells how they ended. Only of those whose place is free on this machine and whose
 * process the database does not know as living: where a network file system does not pass locks on, a free place proves nothing.
 */
export async function abandonedPlaces(
  own: NodePlace,
  nodes: NodeRegistry,
  bootId: string | null,
): Promise<Abandoned[]> {
  if (own.root === null) return [];
  const living = new Set((await nodes.living()).map((node) => node.process));
  const found: Abandoned[] = [];
  for (const name of await placesIn(own.root)) {
    const dir = join(own.root, name);
    if (dir === own.dir) continue;
    const lock = lockIfFree(dir);
    if (lock === null) continue;
    try {
      const left = await processIn(dir);
      if (left !== null && living.has(left.process)) continue;
      await rm(join(dir, 'scratch'), { recursive: true, force: true });
      found.push({ dir, lastRun: await readBootRecord(dir, bootId) });
    } finally {
      lock.release();
    }
  }
  return found;
}

/** What they left was checked: the next start need not do it again. */
export async function settleAbandoned(places: readonly Abandoned[], bootId: string | null): Promise<void> {
  for (const { dir } of places.filter(({ lastRun }) => lastRun === 'machine-went-down')) {
    const lock = lockIfFree(dir);
    if (lock === null) continue;
    try {
      await (await beginRun(dir, bootId)).markClean();
    } finally {
      lock.release();
    }
  }
}
