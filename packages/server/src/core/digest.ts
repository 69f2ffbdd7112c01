/** Digests that a client may give for bytes. Names as in the IANA registry of RFC 9530; `sha-1` and `crc32` are tus' `sha1` and `crc32`. */
import { HoldfastError } from './errors.ts';

/** Bytes of a digest by algorithm. */
const digestBytes = { 'sha-256': 32, 'sha-512': 64, 'sha-1': 20, md5: 16, crc32c: 4, crc32: 4 } as const;

export type DigestAlgorithm = keyof typeof digestBytes;
export const digestAlgorithms = Object.keys(digestBytes) as readonly DigestAlgorithm[];

export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hex; checksums most significant byte first. */
  readonly value: string;
}

/** A whole file of at most this many bytes is hashed while it is received: cheaper than reading it again. */
export const inlineDigestBytesMax = 256 * 1024;

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

/** The digest with its value in lower case. Throws `invalid-digest` when that is not as many hex digits as the algorithm has. */
export function checkedDigest({ algorithm, value }: Digest): Digest {
  const hex = value.toLowerCase();
  const digits = 2 * digestLength(algorithm);
  if (hex.length === digits && /^[0-9a-f]*$/.test(hex)) return { algorithm, value: hex };
  throw new HoldfastError('invalid-digest', `A digest by ${algorithm} is given as ${digits} hex digits.`);
}

/** One word for stores and logs: the bare value of a SHA-256, the way it is written everywhere; `md5:…` for others. */
export function digestText({ algorithm, value }: Digest): string {
  return algorithm === 'sha-256' ? value : `${algorithm}:${value}`;
}

/** The digest that `digestText` made this word of. Throws `internal` for any other word. */
export function digestOfText(text: string): Digest {
  const at = text.indexOf(':');
  const algorithm = at === -1 ? 'sha-256' : text.slice(0, at);
  if (isDigestAlgorithm(algorithm)) return { algorithm, value: text.slice(at + 1) };
  throw new HoldfastError('internal', `"${algorithm}" is not a digest algorithm of this version.`);
}
