/** Digests of bytes that pass by. */
import { createHash, type Hash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import { type Digest, type DigestAlgorithm, digestLength } from '../../core/digest.ts';
import { invariant } from '../../core/errors.ts';

const hashNames = { 'sha-256': 'sha256', 'sha-512': 'sha512', 'sha-1': 'sha1', md5: 'md5' } as const;

/** CRC-32 always; what else was asked for beside it. */
export class RunningDigests {
  readonly #hashes: { readonly algorithm: DigestAlgorithm; readonly hash: Hash }[] = [];
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #withCrc32c: boolean;
  #crc32c = 0;
  /** CRC-32 so far, unsigned. */
  crc32 = 0;

  constructor(algorithms: readonly DigestAlgorithm[]) {
    this.#algorithms = algorithms;
    this.#withCrc32c = algorithms.includes('crc32c');
    for (const algorithm of algorithms) {
      if (algorithm !== 'crc32' && algorithm !== 'crc32c')
        this.#hashes.push({ algorithm, hash: createHash(hashNames[algorithm]) });
    }
  }

  update(buffer: Uint8Array): void {
    // Twice as fast as CRC-32C by this library (10 and 4.6 GB/s), and what every tool at hand can check.
    this.crc32 = crc32(buffer, this.crc32);
    if (this.#withCrc32c) this.#crc32c = crc32c(buffer, this.#crc32c);
    for (const { hash } of this.#hashes) hash.update(buffer);
  }

  /** Those asked for. To be called once, at the end. */
  end(): Digest[] {
    const digests = this.#hashes.map(({ algorithm, hash }) => ({ algorithm, value: hash.digest('hex') }));
    if (this.#algorithms.includes('crc32')) digests.push({ algorithm: 'crc32', value: checksumHex(this.crc32) });
    if (this.#withCrc32c) digests.push({ algorithm: 'crc32c', value: checksumHex(this.#crc32c) });
    return digests;
  }

  /** The value of the one digest that was asked for, instead of `end`. */
  only(): string {
    const [digest] = this.end();
    invariant(digest !== undefined, 'a digest was asked for');
    return digest.value;
  }
}

function checksumHex(value: number): string {
  return value.toString(16).padStart(2 * digestLength('crc32'), '0');
}
