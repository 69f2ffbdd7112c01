/** `Upload-Checksum`, before the body or behind it as a trailer. */
import type { FastifyRequest } from 'fastify';
import { type Digest, type DigestAlgorithm, digestLength } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import { type ExpectedDigest, expectedDigest } from '../../uploads/append-checks.ts';
import { field } from './fields.ts';

/** Names as tus clients use them. */
const algorithms = {
  sha1: 'sha-1',
  sha256: 'sha-256',
  sha512: 'sha-512',
  md5: 'md5',
  crc32: 'crc32',
  crc32c: 'crc32c',
} as const satisfies Readonly<Record<string, DigestAlgorithm>>;

export const checksumAlgorithms = Object.keys(algorithms).join(',');

const name = 'upload-checksum';

/** What the body is checked against; null when the request has none and announces none. Throws `invalid-digest`. */
export function checksumOf(request: FastifyRequest): ExpectedDigest | null {
  const header = field(request, name);
  if (header !== null) return expectedDigest(parse(header));
  const announced = (field(request, 'trailer') ?? '').toLowerCase().split(',');
  if (!announced.some((one) => one.trim() === name)) return null;
  return { algorithms: Object.values(algorithms), told: () => parse(request.raw.trailers[name] ?? '') };
}

function parse(text: string): Digest {
  const [given = '', value = '', ...more] = text.trim().split(' ');
  const algorithm = Object.hasOwn(algorithms, given) ? algorithms[given as keyof typeof algorithms] : null;
  if (algorithm === null)
    throw new HoldfastError(
      'invalid-digest',
      `Upload-Checksum is one of ${checksumAlgorithms} and a Base64 value, separated by a space; got "${text.slice(0, 100)}".`,
    );
  const bytes = Buffer.from(value, 'base64');
  const isBase64 = more.length === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
  if (!isBase64 || bytes.length !== digestLength(algorithm))
    throw new HoldfastError(
      'invalid-digest',
      `The ${given} in Upload-Checksum is not ${digestLength(algorithm)} bytes in Base64.`,
    );
  return { algorithm, value: bytes.toString('hex') };
}
