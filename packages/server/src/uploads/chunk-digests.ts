/** Which digests of a chunk are computed, and whether it has the one that the client declared. */
import { type Digest, type DigestAlgorithm, digestBy } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';

/** A chunk as far as its bytes go. */
export interface Delivered {
  /** 0-based. */
  readonly index: number;
  readonly body: BodySource;
  /** What the client says that the chunk's digest is, to be checked before it is acknowledged. */
  readonly digest: Digest | null;
  /** Digests to compute and to tell in the receipt, declared or not. */
  readonly digests?: readonly DigestAlgorithm[];
  /** The digest, where it comes behind the bytes: asked for after the body's end. By one of the algorithms in `digests`. */
  readonly lateDigest?: () => Digest | null;
}

export function wantedDigests(delivery: Delivered, sha256: boolean): readonly DigestAlgorithm[] {
  const wanted = new Set<DigestAlgorithm>(delivery.digests ?? []);
  if (delivery.digest) wanted.add(delivery.digest.algorithm);
  if (sha256) wanted.add('sha-256');
  return [...wanted];
}

/** Throws `digest-mismatch`. */
export function checkDigest(index: number, declared: Digest, computed: readonly Digest[]): void {
  const { algorithm, value: expected } = declared;
  const actual = digestBy(computed, algorithm);
  if (actual === expected) return;
  throw new HoldfastError(
    'digest-mismatch',
    `Chunk ${index} arrived with ${algorithm} ${actual}, not ${expected} as declared. Send it again.`,
    { details: { index, algorithm, expected, actual } },
  );
}
