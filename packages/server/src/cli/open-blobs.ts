/** Opens the stores of bytes that the configuration names. The only place that tells them apart. */
import { openDiskBlobs } from '../blobs/disk/open.ts';
import type { S3ConnectionOptions } from '../blobs/s3/open.ts';
import { withTracing } from '../blobs/with-tracing.ts';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { PartMap } from '../core/ports/part-map.ts';
import { noTracing, type Tracing } from '../core/ports/tracing.ts';
import { systemClock } from '../platform/system-clock.ts';

const MiB = 1024 * 1024;

export interface BlobsWish {
  readonly config: Config;
  readonly dataDir: string;
  /** Working folder of this process alone. */
  readonly scratch: string;
  readonly partMap: PartMap;
  /** Default: none. */
  readonly tracing?: Tracing;
}

/** Rejects with `unavailable`, in words that say what to do, when the disk or the bucket cannot be used. */
export async function openBlobs(wish: BlobsWish): Promise<BlobStores> {
  const { tracing = noTracing } = wish;
  const stores = await openUntraced(wish, tracing);
  return { ...stores, blobs: withTracing(stores.blobs, tracing) };
}

async function openUntraced({ config, dataDir, scratch, partMap }: BlobsWish, tracing: Tracing): Promise<BlobStores> {
  const connection = s3Connection(config);
  if (connection === null) {
    if (config.s3Direct || config.s3PresignedDownloads)
      throw new HoldfastError(
        'invalid-request',
        's3Direct and s3PresignedDownloads need a bucket: set blobs to s3://….',
      );
    const workers = config.hashWorkers === 0 ? {} : { hashWorkers: config.hashWorkers };
    const { durability, reserveMb } = config;
    return await openDiskBlobs({ dir: dataDir, scratch, durability, reserveBytes: reserveMb * MiB, ...workers });
  }
  const offered = config.s3Direct || config.s3PresignedDownloads;
  const { openS3Blobs } = await import('../blobs/s3/open.ts');
  return await openS3Blobs({
    ...connection,
    tracing,
    partMap,
    // Nothing on this machine is shared: what it keeps of the bucket is this process's own, and may go at any time.
    dataDir: scratch,
    memoryBytes: config.s3MemoryMb * MiB,
    cacheBytes: config.s3CacheMb * MiB,
    searchEveryMs: config.s3SearchHours * 3_600_000,
    direct: offered ? { endpoint: config.s3PublicEndpoint, arrivals: config.s3Direct } : null,
  });
}

/** Null: blobs are on the disk. */
export function s3Connection(config: Config): S3ConnectionOptions | null {
  const found = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(config.blobs);
  if (!found) return null;
  const [, bucket = '', prefix = ''] = found;
  const { s3Encryption, s3KmsKey, s3Region, s3PathStyle, s3Checksums, s3Endpoint } = config;
  return {
    bucket,
    prefix,
    endpoint: s3Endpoint,
    region: s3Region,
    pathStyle: s3PathStyle,
    checksums: s3Checksums,
    encryption: s3Encryption === 'kms' ? { kind: 'kms', keyId: s3KmsKey ?? null } : { kind: s3Encryption },
    clock: systemClock,
  };
}
