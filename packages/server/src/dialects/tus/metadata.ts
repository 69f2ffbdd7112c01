/** `Upload-Metadata`: kept as it came; what is text in it is also metadata of the upload. */
import { isMediaType } from '../../core/creation.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';

export interface Described {
  readonly filename: string;
  readonly contentType?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Padding may be left out, as some clients do. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Comma-separated pairs of a key and a Base64 value, the value possibly empty or left out. Throws `invalid-request` for an empty key, a
 * repeated one, and a value that is not Base64.
 */
export function parseMetadata(header: string): Map<string, Buffer> {
  const pairs = new Map<string, Buffer>();
  for (const pair of header.split(',')) {
    const [key = '', value = '', ...more] = pair.trim().split(' ');
    if (key === '' || more.length > 0) throw malformed('each pair is a key and a Base64 value, separated by one space');
    if (pairs.has(key)) throw malformed(`the key "${key.slice(0, 64)}" is in it twice`);
    if (!base64.test(value) || value.replace(/=+$/, '').length % 4 === 1)
      throw malformed(`the value of "${key.slice(0, 64)}" is not Base64`);
    pairs.set(key, Buffer.from(value, 'base64'));
  }
  return pairs;
}

/** Name and type under the keys that clients use for them; values that are text, and not too long, as metadata. */
export function describe(header: string | null, limits: Limits): Described {
  const pairs = header === null || header.trim() === '' ? new Map<string, Buffer>() : parseMetadata(header);
  const texts = new Map([...pairs].flatMap(([key, value]) => textOf(value).map((text) => [key, text] as const)));
  const name = (texts.get('filename') || texts.get('name') || 'unnamed').slice(0, limits.filenameCharsMax);
  const type = texts.get('filetype') || texts.get('type') || '';
  const entries = [...texts].filter(
    ([key, text]) => key.length <= limits.metadataKeyCharsMax && text.length <= limits.metadataValueCharsMax,
  );
  return {
    filename: name,
    ...(isMediaType(type) ? { contentType: type } : {}),
    metadata: Object.fromEntries(entries.slice(0, limits.metadataEntriesMax)),
  };
}

/** The value as text, or nothing: it may be any bytes. */
function textOf(value: Buffer): string[] {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    return text.includes('\0') ? [] : [text];
  } catch {
    return [];
  }
}

function malformed(reason: string): HoldfastError {
  return new HoldfastError('invalid-request', `Upload-Metadata is not well-formed: ${reason}.`);
}
