/** Digest fields (RFC 9530): `Content-Digest` of one request's bytes, `Repr-Digest` and `Want-Repr-Digest` of the whole file. */
import { formatSha256Digest } from '@holdfast/protocol';
import { type Dictionary, parseDictionary } from 'structured-headers';
import { type Digest, type DigestAlgorithm, digestLength } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import { type ExpectedDigest, expectedDigest } from '../../uploads/append-checks.ts';
import { type FieldText, textOf } from './fields.ts';

/** Keys of the IANA registry that we can check, the strongest first. */
const algorithms: ReadonlyMap<string, DigestAlgorithm> = new Map<string, DigestAlgorithm>([
  ['sha-512', 'sha-512'],
  ['sha-256', 'sha-256'],
  ['sha', 'sha-1'],
  ['md5', 'md5'],
  ['crc32c', 'crc32c'],
]);

/** The strongest digest in `Content-Digest` that we can check; null when there is none. Throws `invalid-digest`. */
export function contentDigestOf(header: FieldText): ExpectedDigest | null {
  const members = membersOf('Content-Digest', header);
  for (const [key, algorithm] of algorithms) {
    const value = digestIn('Content-Digest', members, key);
    if (value !== null) return expectedDigest({ algorithm, value: checked(key, algorithm, value) });
  }
  return null;
}

/** The digest in `Repr-Digest` that the whole file is held to: SHA-256, which costs nothing more, or the strongest other one. Throws `invalid-digest`. */
export function reprDigestOf(header: FieldText): Digest | null {
  const members = membersOf('Repr-Digest', header);
  for (const [key, algorithm] of [['sha-256', 'sha-256'] as const, ...algorithms]) {
    const value = digestIn('Repr-Digest', members, key);
    if (value !== null) return { algorithm, value: checked(key, algorithm, value) };
  }
  return null;
}

/** Whether the client would like the SHA-256 of the whole: a preference of 0 means "not acceptable" (RFC 9530 §4). */
export function wantsSha256(header: FieldText): boolean {
  const text = textOf(header);
  if (text === undefined) return false;
  try {
    const preference = parseDictionary(text).get('sha-256')?.[0];
    return typeof preference === 'number' && preference > 0;
  } catch {
    return false;
  }
}

/** `Repr-Digest` of a whole file from its SHA-256 in hex. */
export const formatReprDigest = formatSha256Digest;

function membersOf(field: string, header: FieldText): Dictionary {
  const text = textOf(header);
  if (text === undefined) return new Map();
  try {
    return parseDictionary(text);
  } catch (cause) {
    throw new HoldfastError(
      'invalid-digest',
      `${field} is not a structured field dictionary such as sha-256=:<base64>: (RFC 9530).`,
      { cause },
    );
  }
}

function digestIn(field: string, members: Dictionary, key: string): Buffer | null {
  const value = members.get(key)?.[0];
  if (value === undefined) return null;
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  throw new HoldfastError('invalid-digest', `The ${key} in ${field} is not a byte sequence :<base64>: (RFC 9530).`);
}

function checked(key: string, algorithm: DigestAlgorithm, value: Buffer): string {
  if (value.byteLength === digestLength(algorithm)) return value.toString('hex');
  throw new HoldfastError(
    'invalid-digest',
    `A ${key} digest has ${digestLength(algorithm)} bytes; got ${value.byteLength}.`,
  );
}
