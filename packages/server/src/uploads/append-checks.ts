/** What a request that appends asks for, and what is checked of it beside the rules. */

import { type Digest, type DigestAlgorithm, digestBy } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Appended, AppendRequest } from '../core/ports/blob-store.ts';
import type { BodySource, InterruptibleBody } from '../core/ports/body-source.ts';
import { foreignIntake } from '../core/receiving-rules.ts';
import type { Upload } from '../core/upload.ts';
import type { Caller } from './caller.ts';

/** A digest of the body, possibly only told behind it, in a trailer. */
export interface ExpectedDigest {
  /** Those that it can be by. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Asked once the body is here; null: there is none to check after all. May throw `invalid-digest`. */
  told(): Digest | null;
}

export interface AppendDelivery extends Caller {
  readonly uploadId: string;
  /** Where the bytes belong, in bytes: has to be the upload's offset. */
  readonly offset: number;
  /** Bytes of the body as declared by the request; null when it did not say. */
  readonly declaredLength: number | null;
  /** The length of the whole file, if the request tells it; once told it does not change. */
  readonly size: number | null;
  /** With one, the body is added whole or not at all. */
  readonly digest: ExpectedDigest | null;
  /** The file ends where this body does, if it comes whole. */
  readonly end: boolean;
  readonly body: InterruptibleBody;
  /** For bytes that are in the store already: makes them the upload's, in the place of `BlobStore.append`. */
  readonly take?: (request: AppendRequest) => Promise<Appended>;
  /** Hears of every segment once it is durable, with the upload as it is then. */
  readonly recorded?: (upload: Upload) => void;
}

/** A digest that is known before the body comes. */
export function expectedDigest(digest: Digest): ExpectedDigest {
  return { algorithms: [digest.algorithm], told: () => digest };
}

/** Digests to compute while bytes pass: the expected ones, and SHA-256 where that is the whole file's. */
export function algorithmsOf(expected: ExpectedDigest | null, whole: boolean): readonly DigestAlgorithm[] {
  const algorithms = new Set(expected?.algorithms ?? []);
  if (whole) algorithms.add('sha-256');
  return [...algorithms];
}

/** Said again at the end of an upload that has everything: nothing to do, whatever becomes of the upload. */
export function isNothingNew(upload: Upload, delivery: AppendDelivery): boolean {
  const { name } = upload.phase;
  const whole = name === 'validating' || name === 'assembling' || name === 'completed';
  const same = delivery.size === null || delivery.size === upload.size;
  const added = delivery.offset === upload.receivedBytes && delivery.declaredLength === 0;
  return whole && same && added && !upload.withdrawn && foreignIntake(upload, 'append') === null;
}

/** Bytes that the request may add. Throws `body-too-long`, or `file-too-large` where the length is not known yet. */
export function checkLength(upload: Upload, delivery: AppendDelivery, limits: Limits): number {
  const { declaredLength, offset } = delivery;
  const lengthMax = (upload.size ?? limits.fileBytesMax) - offset;
  if (declaredLength === null || declaredLength <= lengthMax) return lengthMax;
  if (upload.size === null)
    throw new HoldfastError(
      'file-too-large',
      `The file would have ${offset + declaredLength} bytes; this server takes at most ${limits.fileBytesMax}.`,
      { details: { size: offset + declaredLength, fileBytesMax: limits.fileBytesMax } },
    );
  throw new HoldfastError(
    'body-too-long',
    `The upload has ${upload.size} bytes and goes on at ${offset}; the request declares ${declaredLength} more.`,
    { details: { length: upload.size, offset, declared: declaredLength } },
  );
}

/** A body that goes beyond what the server takes is no contradiction of a length that nobody told. */
export function tooLarge(upload: Upload, error: unknown, { fileBytesMax }: Limits): unknown {
  if (upload.size !== null || !(error instanceof HoldfastError) || error.code !== 'body-too-long') return error;
  return new HoldfastError(
    'file-too-large',
    `The file has more than ${fileBytesMax} bytes, the most that this server takes.`,
    {
      details: { fileBytesMax },
      cause: error,
    },
  );
}

/** Throws unless the body came whole and has the digest: then nothing of it counts. */
export function checkDigest(part: Appended, expected: ExpectedDigest): void {
  if (part.end instanceof HoldfastError) throw part.end;
  const digest = expected.told();
  if (digest === null) return;
  const actual = digestBy(part.digests, digest.algorithm);
  if (actual === digest.value) return;
  throw new HoldfastError(
    'digest-mismatch',
    `The body arrived with the ${digest.algorithm} ${actual}, not ${digest.value} as declared. Send it again.`,
    { details: { algorithm: digest.algorithm, expected: digest.value, actual } },
  );
}

/** Throws `body-too-long` when the body has bytes. */
export async function expectEmpty(body: BodySource): Promise<void> {
  const batch = await body.next();
  batch?.release();
  if (batch !== null) throw new HoldfastError('body-too-long', 'The upload has all its bytes; more were sent.');
}

/** The error with the offset at which the upload goes on. */
export function withOffset(error: HoldfastError, upload: Upload): HoldfastError {
  const details = { ...error.details, offset: upload.receivedBytes };
  return new HoldfastError(error.code, error.message, { details, cause: error });
}
