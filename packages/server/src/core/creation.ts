/** What a client asks for when it creates an upload, checked and turned into an upload. */
import { HoldfastError } from './errors.ts';
import { safeFilename } from './filename.ts';
import { chooseChunkSize, type Limits } from './limits.ts';
import type { Millis, NewEvent, Sha256, Upload } from './upload.ts';

export interface Creation {
  readonly id: string;
  readonly principal: string;
  readonly protocol: string;
  readonly filename: string;
  readonly size: number;
  readonly contentType?: string;
  readonly chunkSize?: number;
  readonly expectedDigest?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Narrows the types that the server takes; null: does not. */
  readonly allowedTypes?: readonly string[] | null;
}

/** Type and subtype as in RFC 6838 §4.2; parameters are dropped. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Throws `invalid-request`, `invalid-size`, `invalid-digest`, `file-too-large`. The upload is `receiving`, also when it is empty. */
export function newUpload(wish: Creation, limits: Limits, now: Millis): { upload: Upload; event: NewEvent } {
  const chunkSize = chooseChunkSize(wish.size, wish.chunkSize, limits);
  if (wish.filename.length === 0 || wish.filename.length > limits.filenameCharsMax) {
    throw new HoldfastError('invalid-request', `The file name has 1 to ${limits.filenameCharsMax} characters.`);
  }
  const upload: Upload = {
    id: wish.id,
    principal: wish.principal,
    protocol: wish.protocol,
    filename: wish.filename,
    safeName: safeFilename(wish.filename),
    contentType: checkedContentType(wish.contentType),
    size: wish.size,
    chunkSize,
    metadata: checkedMetadata(wish.metadata ?? {}, limits),
    expectedDigest: wish.expectedDigest === undefined ? null : checkedSha256(wish.expectedDigest),
    receivedBytes: 0,
    receivedExtents: 0,
    fence: 0,
    lastEvent: 0,
    createdAt: now,
    updatedAt: now,
    firstByteAt: null,
    lastByteAt: null,
    expiresAt: now + limits.uploadTtlMs,
    storage: 'held',
    allowedTypes: wish.allowedTypes ?? null,
    phase: { name: 'receiving' },
  };
  const data = { filename: upload.filename, size: wish.size, chunkSize, protocol: wish.protocol };
  return {
    upload,
    event: { at: now, type: 'created', message: `Created: ${wish.size} bytes in chunks of ${chunkSize}`, data },
  };
}

/** 64 hex digits, lower-cased. Throws `invalid-digest`. */
export function checkedSha256(text: string): Sha256 {
  const hex = text.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new HoldfastError('invalid-digest', 'A SHA-256 is given as 64 hex digits.');
  return hex;
}

function checkedContentType(text: string | undefined): string {
  if (text === undefined || text === '') return 'application/octet-stream';
  const essence = (text.split(';')[0] ?? '').trim().toLowerCase();
  if (!mediaType.test(essence))
    throw new HoldfastError('invalid-request', 'The content type is not a media type such as video/mp4.');
  return essence;
}

/** Throws `invalid-request`. */
export function checkedMetadata(
  metadata: Readonly<Record<string, string>>,
  limits: Limits,
): Readonly<Record<string, string>> {
  const entries = Object.entries(metadata);
  if (entries.length > limits.metadataEntriesMax)
    throw new HoldfastError('invalid-request', `At most ${limits.metadataEntriesMax} metadata entries are taken.`);
  for (const [key, value] of entries) {
    if (key.length === 0 || key.length > limits.metadataKeyCharsMax)
      throw new HoldfastError('invalid-request', `A metadata key has 1 to ${limits.metadataKeyCharsMax} characters.`);
    if (value.length > limits.metadataValueCharsMax)
      throw new HoldfastError(
        'invalid-request',
        `The metadata value of "${key}" is longer than ${limits.metadataValueCharsMax} characters.`,
      );
    if (value.includes('\0') || key.includes('\0'))
      throw new HoldfastError('invalid-request', 'Metadata must not contain NUL characters.');
  }
  return metadata;
}
