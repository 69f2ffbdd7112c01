/** A node's first steps: its place, the state, its name among other nodes, the bytes; and what is known of how it ended last. */
import { resolve } from 'node:path';
import type { OpenRun } from '../blobs/disk/boot-record.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { Tracing } from '../core/ports/tracing.ts';
import { readBootId } from '../platform/boot-id.ts';
import { makeFolder } from '../platform/make-folder.ts';
import { systemClock } from '../platform/system-clock.ts';
import type { State } from '../state/sql/open.ts';
import { abandonedPlaces, settleAbandoned } from './abandoned-places.ts';
import type { Closing } from './closing.ts';
import type { NodeOptions } from './node-options.ts';
import { type NodePlace, takePlace } from './node-place.ts';
import { openBlobs } from './open-blobs.ts';
import { isShared, openState } from './open-state.ts';
import { Presence } from './presence.ts';
import { alone } from './processes/seat.ts';
import { assertUploadsHere, isRedis } from './redis-state.ts';
import { openStepQueue, type StepQueue } from './step-queue.ts';
import { openTraces } from './traces.ts';
import { packageVersion } from './version.ts';
import { knowOutsideAssets } from './watch-node.ts';

export interface StoresWish {
  /** Of steps, of the configured pipelines. */
  readonly classes: readonly string[];
  readonly closing: Closing;
}

export interface Stores {
  readonly place: NodePlace;
  /** Who hands steps to workers; null: each node looks for them. */
  readonly queue: StepQueue | null;
  readonly state: State;
  readonly disk: BlobStores;
  /** Null: this node is alone. */
  readonly presence: Presence | null;
  readonly tracing: Tracing;
  readonly begun: {
    /** The machine of this node, or of one that is gone, went down in a run that was not closed in order. */
    readonly machineWentDown: boolean;
    /** Call it when that was dealt with: the next start does not hear of it again. */
    recovered(): Promise<void>;
  };
}

/** In an order in which nothing is touched before this node may: its place, its name, and only then files. */
export async function openStores(options: Required<NodeOptions>, wish: StoresWish): Promise<Stores> {
  const { config, log, onLost, seat } = options;
  const { classes, closing } = wish;
  const dataDir = resolve(config.dataDir);
  await makeFolder(dataDir);
  const place = await takePlace(config, dataDir, seat);
  closing.add('place in the data folder', () => place.release());
  const traces = await openTraces({ config, instance: place.holder, log });
  closing.add('traces', () => traces.close());
  const { tracing } = traces;
  const bootId = await readBootId();
  // Among nodes each process has a place, and its record, of its own.
  const record = isShared(config) ? alone : seat;
  const lastRun = await record.lastRun(place.dir, bootId);
  let run: OpenRun | null = null;
  closing.add('boot record', () => run?.markClean());

  // Told by the state, so there before it and gone after it.
  const queue = await openStepQueue({ config, classes, log });
  closing.add('step queue', async () => queue?.close());
  const state = await openState({ config, dataDir, process: place.process, holder: place.holder, seat, queue, log });
  closing.add('state', () => state.close());
  if (!isRedis(config.state)) await assertUploadsHere(state);
  const shared = { nodes: state.nodes, place, role: config.role, version: packageVersion(), bootId, log, onLost };
  const presence = isShared(config) ? await Presence.begin({ ...shared, clock: systemClock }) : null;
  if (presence !== null) closing.add('name among the nodes', () => presence.end());
  const abandoned = await abandonedPlaces(place, state.nodes, bootId);

  const disk = await openBlobs({ config, dataDir, scratch: place.scratch, partMap: state.partMap, tracing });
  closing.add('blobs', () => disk.blobs.close());
  seat.followOutside(disk.outside);
  await knowOutsideAssets(state, disk);
  const ends = [lastRun, ...abandoned.map((one) => one.lastRun)];
  const recovered = async () => {
    await settleAbandoned(abandoned, bootId);
    run = await record.beginRun(place.dir, bootId);
  };
  return {
    place,
    queue,
    state,
    disk,
    presence,
    tracing,
    begun: { machineWentDown: ends.includes('machine-went-down'), recovered },
  };
}
