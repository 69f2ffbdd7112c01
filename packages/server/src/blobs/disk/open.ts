/** Opens (and at first makes) a data directory. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { BlobStores, OutsideFiles } from '../../core/ports/blob-stores.ts';
import type { BytePath } from '../../core/ports/file-intake.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { withOutsideAssets } from '../with-outside-assets.ts';
import { DirectorySyncs } from './directory-syncs.ts';
import { DiskArtifactStore } from './disk-artifact-store.ts';
import { DiskBlobStore, type Durability } from './disk-blob-store.ts';
import { DiskFileIntake } from './disk-file-intake.ts';
import { type FileIo, nodeFileIo } from './file-io.ts';
import { HashPool } from './hash-pool.ts';
import { translated } from './io-errors.ts';
import { DiskLayout } from './layout.ts';
import { SpaceGuard } from './space-guard.ts';
import { UploadFiles } from './upload-files.ts';

const hashStatesMaxDefault = 1_000;

export interface DiskBlobsOptions {
  /** The data directory; made if missing. Several processes may share it whose state keeps them apart. */
  readonly dir: string;
  /** Working folder of this process alone, on the same file system; emptied at the start. Default `<dir>/scratch`. */
  readonly scratch?: string;
  readonly durability: Durability;
  /** Bytes of the file system that uploads never get. */
  readonly reserveBytes: number;
  /** Threads for SHA-256; default: one fewer than there are cores, 1 to 4. */
  readonly hashWorkers?: number;
  /** Running hashes kept at once; default 1,000. */
  readonly hashStatesMax?: number;
  /** Open files of unfinished uploads; default 256. */
  readonly openFilesMax?: number;
  /** System calls; tests pass ones that fail. */
  readonly io?: FileIo;
}

export type DiskBlobs = BlobStores;

/** Makes the folders that are missing, durable, parents first. */
async function makeLayout(layout: DiskLayout, directories: DirectorySyncs): Promise<void> {
  const made = async (path: string) => (await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined;
  await made(layout.root);
  for (const path of [layout.incoming, layout.assets, layout.artifacts, layout.scratch]) await made(path);
  const there = new Set(await readdir(layout.assets));
  const missing = layout.assetFolders().filter((folder) => !there.has(folder.slice(-2)));
  for (const folder of missing) await made(folder);
  if (missing.length > 0) await directories.sync(layout.assets);
  await directories.sync(`${layout.root}/assets`);
  await directories.sync(layout.root);
}

/** Working folders of attempts that no process is at any more. */
async function emptyScratch(layout: DiskLayout): Promise<void> {
  for (const name of await readdir(layout.scratch))
    await rm(`${layout.scratch}/${name}`, { recursive: true, force: true });
}

/** Both disk stores over one directory. Rejects when it cannot be made or written to. Closing `blobs` ends the hash workers of both. */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<DiskBlobs> {
  const io = options.io ?? nodeFileIo;
  const layout = new DiskLayout(options.dir, options.scratch);
  const directories = new DirectorySyncs(io);
  await translated('opening the data directory', async () => {
    await makeLayout(layout, directories);
    await emptyScratch(layout);
  });
  const pool = new HashPool({
    workers: options.hashWorkers ?? Math.max(1, Math.min(4, availableParallelism() - 1)),
    statesMax: options.hashStatesMax ?? hashStatesMaxDefault,
  });
  const files = new UploadFiles({ io, layout, clock: systemClock, max: options.openFilesMax });
  const { reserveBytes } = options;
  const space = new SpaceGuard({ io, clock: systemClock, path: layout.root, reserveBytes });
  const blobs = new DiskBlobStore({ layout, durability: options.durability, io, files, directories, pool, space });
  await blobs.ping();
  const outside: OutsideFiles = new Map();
  const digest = (path: BytePath, size: number, onBytes: ((bytes: number) => void) | undefined) =>
    pool.digestFile({ path, size, algorithm: 'sha-256', awaited: false }, onBytes ?? null);
  return {
    blobs: withOutsideAssets(blobs, outside, digest),
    artifacts: new DiskArtifactStore({ layout, io, pool }),
    intake: new DiskFileIntake({ layout, io, pool, space, directories }),
    outside,
    direct: null,
    removeOrphans: null,
  };
}
