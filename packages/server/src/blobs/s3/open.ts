/** Opens a bucket as everything that keeps bytes. Loaded only where the configuration asks for it: the AWS SDK takes a while to load. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import type { BlobStores, OutsideFiles } from '../../core/ports/blob-stores.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { DirectBlobs } from '../../core/ports/direct-blobs.ts';
import type { BytePath } from '../../core/ports/file-intake.ts';
import type { PartMap } from '../../core/ports/part-map.ts';
import type { Tracing } from '../../core/ports/tracing.ts';
import { DirectorySyncs } from '../disk/directory-syncs.ts';
import { DiskFileIntake } from '../disk/disk-file-intake.ts';
import { nodeFileIo } from '../disk/file-io.ts';
import { HashPool } from '../disk/hash-pool.ts';
import { DiskLayout } from '../disk/layout.ts';
import { SpaceGuard } from '../disk/space-guard.ts';
import { withOutsideAssets } from '../with-outside-assets.ts';
import { Bucket } from './bucket.ts';
import { Follower } from './follower.ts';
import { KeptChunks } from './kept-chunks.ts';
import { S3Keys } from './keys.ts';
import { LocalCache } from './local-cache.ts';
import { Md5Threads } from './md5-threads.ts';
import { type OrphanSweep, Orphans } from './orphans.ts';
import { Removal } from './removal.ts';
import { Repeated } from './repeated.ts';
import type { BucketSettings } from './requests.ts';
import { RunningHashes } from './running-hashes.ts';
import { S3ArtifactStore } from './s3-artifact-store.ts';
import { S3BlobStore } from './s3-blob-store.ts';
import { s3Translated } from './s3-errors.ts';
import { S3FileIntake } from './s3-file-intake.ts';
import { type PieceSizes, s3Sizes } from './sizes.ts';
import { SlabPool } from './slab-pool.ts';

const hashStatesMax = 1_000;
/** Writes take minutes at most: what is older than a day and not recorded, a crash has left. */
const orphanAgeMs = 24 * 3_600_000;
const searchEveryMs = 6 * 3_600_000;
const readStallMs = 30_000;
const connectionsMax = 64;
/** Each hashes about 600 MB/s. */
const md5ThreadsMax = 4;

export interface S3ConnectionOptions {
  readonly bucket: string;
  /** Without slashes at its ends; empty: the whole bucket. */
  readonly prefix: string;
  /** Default: Amazon's, by the region. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly pathStyle: boolean;
  /** Default: those of the SDK's own chain (environment, shared files, instance roles). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly checksums: BucketSettings['checksums'];
  readonly encryption: BucketSettings['encryption'];
  readonly clock: Clock;
  /** Default: none. */
  readonly tracing?: Tracing;
  /** Reading is tried anew when the store sends nothing for so long. Default: 30 s. */
  readonly readStallMs?: number;
}

export interface DirectOptions {
  /** The store as clients reach it, where that is another address than ours. */
  readonly endpoint?: string | undefined;
  /** Whether clients may send to the bucket, and not only read from it. */
  readonly arrivals: boolean;
}

export interface S3BlobsOptions extends S3ConnectionOptions {
  readonly partMap: PartMap;
  /** Folder of this machine: working folders of steps, and the cache. Made if missing. */
  readonly dataDir: string;
  /** Bytes of requests that may be in memory, over all uploads. */
  readonly memoryBytes: number;
  /** Bytes of files that are kept on this machine for steps. */
  readonly cacheBytes: number;
  /** Between two searches for what crashes left in the bucket. Default: six hours. */
  readonly searchEveryMs?: number;
  /** Without it clients are given no addresses in the bucket. */
  readonly direct?: DirectOptions | null;
  /** Default: those of Amazon S3; tests pass smaller ones. */
  readonly sizes?: PieceSizes;
}

export interface S3Blobs extends BlobStores {
  removeOrphans(olderThanMs: number): Promise<OrphanSweep>;
}

/** The bucket alone, for the doctor. */
export function connectBucket(options: S3ConnectionOptions): Bucket {
  const { checksums, encryption, clock, bucket } = options;
  const client = clientFor(options);
  if (options.tracing?.enabled === true) traceCalls(client, options.tracing);
  return new Bucket({ client, bucket, checksums, encryption, clock, readStallMs: options.readStallMs ?? readStallMs });
}

function clientFor({ endpoint, region, credentials, pathStyle, checksums }: S3ConnectionOptions): S3Client {
  // Many servers know none of the newer checksums: unless they are asked for, MD5 is what is sent and compared.
  const requestChecksumCalculation = checksums === 'none' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED';
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    requestChecksumCalculation,
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 4,
    // With it the SDK opens a connection for each request, asks on it, and waits up to 6 s where a proxy does not answer. What can be sent a
    // second time goes without.
    expectContinueHeader: s3Sizes.pieceBytes + 1,
    requestHandler: {
      connectionTimeout: 5_000,
      socketTimeout: 60_000,
      httpAgent: { maxSockets: connectionsMax, keepAlive: true },
      httpsAgent: { maxSockets: connectionsMax, keepAlive: true },
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** What clients are given: signed for the address that they reach the store under, and without checksums, which only they could know. */
async function openDirect(
  options: S3BlobsOptions & { readonly direct: DirectOptions },
  store: S3BlobStore,
  outside: OutsideFiles,
): Promise<DirectBlobs> {
  const { S3Direct } = await import('./direct.ts');
  const endpoint = options.direct.endpoint ?? options.endpoint;
  const signer = clientFor({ ...options, endpoint, checksums: 'none' });
  return await S3Direct.open({ ...store.writing, signer, isOutside: (digest) => outside.has(digest) });
}

/** A span for each call, with what the client does again in it. Of a download it ends where the bytes begin. */
function traceCalls(client: S3Client, tracing: Tracing): void {
  client.middlewareStack.add(
    (next, { commandName = 'unknown' }) =>
      (call) =>
        tracing.within(`S3 ${commandName}`, { 'rpc.system': 'aws-api', 'rpc.method': commandName }, () => next(call)),
    { step: 'initialize', name: 'holdfastTraces' },
  );
}

/** Rejects with `unavailable`, in words that say what to do, when the bucket cannot be reached. */
export async function openS3Blobs(options: S3BlobsOptions): Promise<S3Blobs> {
  const { partMap: map, clock, dataDir, sizes = s3Sizes, direct = null } = options;
  const bucket = connectBucket(options);
  const keys = new S3Keys(options.prefix);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const cache = new LocalCache({ folder: join(dataDir, 'cache'), bucket, bytesMax: options.cacheBytes, clock });
  await cache.open();
  const artifacts = new S3ArtifactStore({ bucket, keys, sizes, cache, dataDir });
  await artifacts.open();
  const sources = { bucket, keys, map };
  const slabs = new SlabPool(options.memoryBytes);
  const hashes = new RunningHashes(hashStatesMax, new KeptChunks(slabs));
  const follower = new Follower(sources, hashes);
  const md5 = new Md5Threads(Math.max(1, Math.min(md5ThreadsMax, availableParallelism() - 1)));
  const { intake, pool } = localIntake(dataDir, clock);
  const orphans = new Orphans({
    ...sources,
    clock,
    removeGarbage: () => new Removal(sources).garbage({ limit: 1_000 }),
  });
  const removal = new Repeated(clock, options.searchEveryMs ?? searchEveryMs, () => orphans.remove(orphanAgeMs));
  const closing = [removal, cache, pool, md5];
  const store = new S3BlobStore({
    ...sources,
    sizes,
    slabs,
    hashes,
    md5,
    follower,
    cache,
    arrivals: direct?.arrivals === true,
    closing,
  });
  await s3Translated('opening the bucket', () => bucket.reach());
  removal.start();
  const outside: OutsideFiles = new Map();
  const digest = (path: BytePath, size: number, onBytes: ((bytes: number) => void) | undefined) =>
    pool.digestFile({ path, size, algorithm: 'sha-256', awaited: false }, onBytes ?? null);
  return {
    blobs: withOutsideAssets(store, outside, digest),
    artifacts,
    intake: new S3FileIntake({ bucket, keys, sizes, local: intake }),
    outside,
    direct: direct === null ? null : await openDirect({ ...options, direct }, store, outside),
    removeOrphans: (olderThanMs) => orphans.remove(olderThanMs),
  };
}

/** Reads files of this machine in threads of its own. */
function localIntake(dataDir: string, clock: Clock): { readonly intake: DiskFileIntake; readonly pool: HashPool } {
  const io = nodeFileIo;
  const layout = new DiskLayout(dataDir);
  const pool = new HashPool({
    workers: Math.max(1, Math.min(4, availableParallelism() - 1)),
    statesMax: 1,
  });
  const space = new SpaceGuard({ io, clock, path: layout.root, reserveBytes: 0 });
  return { intake: new DiskFileIntake({ layout, io, pool, space, directories: new DirectorySyncs(io) }), pool };
}
