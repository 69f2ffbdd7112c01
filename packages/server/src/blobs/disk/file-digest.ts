/** Digests of stored files, computed wherever that is cheapest. */
import { constants } from 'node:fs';
import type { DigestAlgorithm } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { FileIo } from './file-io.ts';
import type { HashPool } from './hash-pool.ts';
import { translated } from './io-errors.ts';
import { RunningDigests } from './running-digests.ts';
import type { UploadFiles } from './upload-files.ts';

/** Up to this many bytes the main thread hashes itself (0.7 ms at worst): waking a worker costs more than it saves. */
export const inlineBytesMax = 256 * 1024;

/** The SHA-256 of a whole file of `size` bytes. Rejects with `storage-damaged` when it is missing or shorter. */
export async function fileDigest(
  from: { readonly io: FileIo; readonly pool: HashPool },
  file: { readonly path: string; readonly size: number },
  onBytes: ((bytes: number) => void) | null = null,
): Promise<Sha256> {
  if (file.size > inlineBytesMax) {
    const digest = await from.pool.digestFile({ ...file, algorithm: 'sha-256', awaited: false }, onBytes);
    onBytes?.(file.size);
    return digest;
  }
  return translated('hashing a stored file', async () => {
    const fd = await from.io.open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { value } = await descriptorDigest(from.io, fd, { size: file.size, algorithm: 'sha-256' });
      onBytes?.(file.size);
      return value;
    } finally {
      await from.io.close(fd);
    }
  });
}

/** Of an upload that comes in; as `descriptorDigest`. */
export function smallUploadDigest(
  from: { readonly io: FileIo; readonly files: UploadFiles },
  uploadId: string,
  wish: { readonly size: number; readonly algorithm: DigestAlgorithm },
): Promise<{ readonly value: string; readonly crc32: number }> {
  return translated('hashing an upload', () =>
    from.files.of(uploadId).hold(async (file) => {
      // Another process may have put a copy in its place.
      await file.refresh();
      return await file.use((fd) => descriptorDigest(from.io, fd, wish));
    }),
  );
}

/** A digest of the first bytes of an open file, for a small size, in lower-case hex, and their CRC-32. */
async function descriptorDigest(
  io: FileIo,
  fd: number,
  { size, algorithm }: { readonly size: number; readonly algorithm: DigestAlgorithm },
): Promise<{ readonly value: string; readonly crc32: number }> {
  const digests = new RunningDigests([algorithm]);
  const buffer = Buffer.allocUnsafe(Math.max(1, size));
  for (let at = 0; at < size; ) {
    const taken = await io.read(fd, buffer.subarray(at, size), at);
    if (taken === 0) throw new HoldfastError('storage-damaged', 'A stored file is shorter than recorded');
    digests.update(buffer.subarray(at, at + taken));
    at += taken;
  }
  return { value: digests.only(), crc32: digests.crc32 };
}
