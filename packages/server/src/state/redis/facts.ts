/** Uploads and extents as text and back. */
import { HoldfastError } from '../../core/errors.ts';
import type { Extent, Upload } from '../../core/upload.ts';

/** An upload as it is stored, with what the scripts keep beside its facts. */
export interface Stored {
  /** Changes with every decision: names the write that made it. */
  readonly version: string;
  /** Its value as a part is changed by the decisions of final uploads, not by its own. */
  readonly uses: number;
  readonly upload: Upload;
}

/** The facts alone; `uses` is kept beside them. Rejects what no database of a ledger takes. */
export function factsOf(upload: Upload): string {
  const facts = JSON.stringify(upload);
  assertStorable(facts);
  return facts;
}

/** PostgreSQL's text cannot hold a zero character; what is taken here has to arrive there. */
export function assertStorable(json: string): void {
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(json))
    throw new HoldfastError('invalid-request', 'A text has a character that cannot be stored.');
}

export function usesOf(upload: Upload): number {
  return upload.concatenation.role === 'partial' ? upload.concatenation.uses : 0;
}

/** From `<version> <uses> <facts>`. */
export function readStored(value: string): Stored {
  const first = value.indexOf(' ');
  const second = value.indexOf(' ', first + 1);
  const uses = Number(value.slice(first + 1, second));
  // Uploads of a server before this fact was kept do not have it.
  const known = JSON.parse(value.slice(second + 1)) as Omit<Upload, 'doubt'> & Partial<Pick<Upload, 'doubt'>>;
  const facts: Upload = { ...known, doubt: known.doubt ?? 'none' };
  const upload: Upload =
    facts.concatenation.role === 'partial' ? { ...facts, concatenation: { role: 'partial', uses } } : facts;
  return { version: value.slice(0, first), uses, upload };
}

/** Numbers in base 36, the digest in base64: an upload may have a hundred thousand of them. */
export function extentToText(extent: Extent): string {
  const numbers = [extent.offset, extent.length, extent.crc32, extent.receivedAt].map((value) => value.toString(36));
  const digest = extent.sha256 === null ? '' : Buffer.from(extent.sha256, 'hex').toString('base64url');
  return [...numbers, digest].join(' ');
}

export function textToExtent(text: string): Extent {
  const [offset = '', length = '', crc32 = '', receivedAt = '', digest = ''] = text.split(' ');
  return {
    offset: Number.parseInt(offset, 36),
    length: Number.parseInt(length, 36),
    crc32: Number.parseInt(crc32, 36),
    sha256: digest === '' ? null : Buffer.from(digest, 'base64url').toString('hex'),
    receivedAt: Number.parseInt(receivedAt, 36),
  };
}
