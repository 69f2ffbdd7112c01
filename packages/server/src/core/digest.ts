/** Digests that a client may give for bytes. Names as in the IANA registry of RFC 9530; `sha-1` and `crc32` are tus' `sha1` and `crc32`. */

/** Bytes of a digest by algorithm. */
const digestBytes = { 'sha-256': 32, 'sha-512': 64, 'sha-1': 20, md5: 16, crc32c: 4, crc32: 4 } as const;

export type DigestAlgorithm = keyof typeof digestBytes;
export const digestAlgorithms = Object.keys(digestBytes) as readonly DigestAlgorithm[];

export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hex; checksums most significant byte first. */
  readonly value: string;
}

export function isDigestAlgorithm(name: string): name is DigestAlgorithm {
  return Object.hasOwn(digestBytes, name);
}

/** Length of a digest of this algorithm in bytes. */
export function digestLength(algorithm: DigestAlgorithm): number {
  return digestBytes[algorithm];
}

/** The value by this algorithm among `digests`; null when it is not there. */
export function digestBy(digests: readonly Digest[], algorithm: DigestAlgorithm): string | null {
  return digests.find((digest) => digest.algorithm === algorithm)?.value ?? null;
}
