/** What an upload token allows: one upload, within bounds, until a time. Everything else of its principal stays closed. */
import type { Creation } from './creation.ts';
import { HoldfastError } from './errors.ts';
import { isMediaRange } from './media-type.ts';
import type { Millis, Sha256 } from './upload.ts';

export interface Grant {
  readonly tokenId: string;
  /** Largest file, in bytes; null: as large as the server takes. */
  readonly sizeMax: number | null;
  /** Media ranges such as `audio/*`; null: every type that the server takes. */
  readonly types: readonly string[] | null;
  /** The name that the upload gets whatever the client calls it; null: the client's. */
  readonly filename: string | null;
  /** Set on the upload over what the client says: the embedding application's own words cannot be forged. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly expiresAt: Millis;
  /** The one upload; null until it is created. */
  readonly uploadId: string | null;
}

/** A token as it is kept. The secret itself is not: only its digest. */
export interface UploadToken extends Grant {
  /** Whose the upload is. */
  readonly principal: string;
  /** Who issued it and may revoke it. */
  readonly issuer: string;
  readonly digest: Sha256;
  readonly createdAt: Millis;
}

/** What an issuer asks for, checked by `newUploadToken`. */
export interface TokenWish {
  readonly sizeMax?: number;
  readonly types?: readonly string[];
  readonly filename?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** For this upload, which exists: a new token when the old one expired meanwhile. */
  readonly uploadId?: string;
  readonly ttlMs: number;
}

/** Who owns what a token creates, who issues it, and what stands for it. */
export interface TokenIdentity {
  readonly id: string;
  readonly digest: Sha256;
  readonly principal: string;
  readonly issuer: string;
}

/** Throws `invalid-request`, `invalid-size`. */
export function newUploadToken(wish: TokenWish, identity: TokenIdentity, now: Millis): UploadToken {
  const { sizeMax = null, types = null, filename = null, metadata = {}, uploadId = null, ttlMs } = wish;
  if (sizeMax !== null && (!Number.isSafeInteger(sizeMax) || sizeMax < 0))
    throw new HoldfastError('invalid-size', `The largest size is a whole number of bytes, 0 or more; got ${sizeMax}.`);
  const wrong = types?.find((range) => !isMediaRange(range));
  if (types?.length === 0 || wrong !== undefined)
    throw new HoldfastError('invalid-request', 'Allowed types are media types such as video/mp4, or ranges: audio/*.');
  const { id: tokenId, ...rest } = identity;
  const lowered = types === null ? null : types.map((range) => range.toLowerCase());
  const bounds = { sizeMax, types: lowered, filename, metadata: { ...metadata }, uploadId };
  return { tokenId, ...rest, ...bounds, createdAt: now, expiresAt: now + ttlMs };
}

/** A grant is good for the upload that was created with it. Throws `token-scope`. */
export function assertCovers(grant: Grant | null | undefined, uploadId: string): void {
  if (!grant || grant.uploadId === uploadId) return;
  throw outOfScope();
}

export function outOfScope(): HoldfastError {
  return new HoldfastError(
    'token-scope',
    'An upload token is good for its own upload and nothing else. Ask with an API key, on the server side.',
  );
}

/** Throws `token-used`, with the upload that exists in the details, so that a client whose answer was lost can go on with it. */
function assertUnused(grant: Grant): void {
  if (grant.uploadId !== null) throw tokenUsed(grant.uploadId);
}

export function tokenUsed(uploadId: string | null): HoldfastError {
  const details = uploadId === null ? {} : { uploadId };
  return new HoldfastError(
    'token-used',
    'An upload was created with this token already. Go on with that one, or ask for another token.',
    { details },
  );
}

/** The creation as the grant allows it. Throws `token-used`, `token-scope`, `file-too-large`; types are checked with those of the server. */
export function underGrant<T extends Omit<Creation, 'id'>>(wish: T, grant: Grant): T {
  assertUnused(grant);
  // It would take other uploads of the principal, which end with it, and tell which there are.
  if (wish.concatenation?.role === 'final') throw outOfScope();
  assertWithinSize(grant, wish.size);
  const metadata = { ...wish.metadata, ...grant.metadata };
  return { ...wish, filename: grant.filename ?? wish.filename, metadata, allowedTypes: grant.types };
}

function assertWithinSize(grant: Grant, size: number | null): void {
  if (grant.sizeMax === null) return;
  if (size === null)
    throw new HoldfastError('invalid-size', 'With this upload token, the size has to be declared at creation.');
  if (size > grant.sizeMax)
    throw new HoldfastError('file-too-large', `The file has ${size} bytes; the token allows ${grant.sizeMax}.`, {
      details: { size, fileBytesMax: grant.sizeMax },
    });
}
