/** What a client asks for when it creates an upload, checked and turned into an upload. */
import { formatBytes } from './byte-words.ts';
import { checkedDigest, type Digest } from './digest.ts';
import { HoldfastError, invariant } from './errors.ts';
import { safeFilename } from './filename.ts';
import { chooseChunkSize, type Limits } from './limits.ts';
import type { Concatenation, Intake, Millis, NewEvent, Upload } from './upload.ts';

export interface Creation {
  readonly id: string;
  readonly principal: string;
  readonly protocol: string;
  readonly filename: string;
  /** Null: told later. */
  readonly size: number | null;
  /** Default: `grid`. */
  readonly intake?: Intake;
  /** Default: `by-length`. */
  readonly ends?: Upload['ends'];
  /** Default: none. */
  readonly concatenation?: Concatenation;
  readonly contentType?: string;
  readonly chunkSize?: number;
  readonly expectedDigest?: Digest;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly dialectData?: Readonly<Record<string, string>>;
  /** Narrows the types that the server takes; null: does not. */
  readonly allowedTypes?: readonly string[] | null;
}

/** Type and subtype as in RFC 6838 §4.2; parameters are dropped. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Throws `invalid-request`, `invalid-size`, `invalid-digest`, `file-too-large`. The upload is `receiving`, also when it is empty. */
export function newUpload(wish: Creation, limits: Limits, now: Millis): { upload: Upload; event: NewEvent } {
  const chunkSize = chooseChunkSize(wish.size ?? 0, wish.chunkSize, limits);
  const { intake = 'grid', ends = 'by-length', concatenation = { role: 'none' } } = wish;
  invariant(intake === 'append' || (wish.size !== null && ends === 'by-length'), 'a grid has a size');
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
    intake,
    ends,
    concatenation,
    chunkSize,
    metadata: checkedMetadata(wish.metadata ?? {}, limits),
    dialectData: wish.dialectData ?? {},
    expectedDigest: wish.expectedDigest === undefined ? null : checkedDigest(wish.expectedDigest),
    receivedBytes: 0,
    receivedExtents: 0,
    fence: 0,
    doubt: 'none',
    lastEvent: 0,
    createdAt: now,
    updatedAt: now,
    firstByteAt: null,
    lastByteAt: null,
    expiresAt: now + limits.uploadTtlMs,
    withdrawn: false,
    storage: 'held',
    allowedTypes: wish.allowedTypes ?? null,
    phase: { name: 'receiving' },
  };
  const data = { filename: upload.filename, size: wish.size, chunkSize, protocol: wish.protocol };
  return {
    upload,
    event: { at: now, type: 'created', message: createdMessage(upload), data },
  };
}

function createdMessage({ size, chunkSize, intake, concatenation }: Upload): string {
  if (concatenation.role === 'final') return `Created: the concatenation of ${concatenation.parts.length} uploads`;
  const bytes = size === null ? 'bytes of a length that is told later' : formatBytes(size);
  return intake === 'grid' ? `Created: ${bytes} in chunks of ${formatBytes(chunkSize)}` : `Created: ${bytes}, appended`;
}

/** Whether it can be taken as a content type. */
export function isMediaType(text: string): boolean {
  return mediaType.test((text.split(';')[0] ?? '').trim().toLowerCase());
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
