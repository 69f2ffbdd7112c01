/** Opens the stores of bytes that the configuration names. The only place that tells them apart. */
import { type DiskBlobs, openDiskBlobs } from '../blobs/disk/open.ts';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';

export interface BlobsWish {
  readonly config: Pick<Config, 'blobs' | 'durability' | 'reserveMb' | 'hashWorkers'>;
  readonly dataDir: string;
  /** Working folder of this process alone. */
  readonly scratch: string;
}

/** Rejects when the store cannot be made or written to. */
export async function openBlobs({ config, dataDir, scratch }: BlobsWish): Promise<DiskBlobs> {
  if (config.blobs !== 'disk')
    throw new HoldfastError('invalid-request', 'Blobs in s3://… are not part of this build.');
  const workers = config.hashWorkers === 0 ? {} : { hashWorkers: config.hashWorkers };
  const { durability, reserveMb } = config;
  const reserveBytes = reserveMb * 1024 * 1024;
  return await openDiskBlobs({ dir: dataDir, scratch, durability, reserveBytes, ...workers });
}
