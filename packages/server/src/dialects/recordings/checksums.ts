/** Checksums as clients of this API give them: MD5 or SHA-256, told apart by their length. */
import type { Digest } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import { optionalText } from '../field-values.ts';
import type { Fields } from '../form-fields.ts';

/** Null when there is none. Throws `invalid-digest` when it is neither of the two. */
export function checksumOf(fields: Fields, name: string): Digest | null {
  const text = optionalText(fields, name)?.trim().toLowerCase();
  if (text === undefined) return null;
  if (/^[0-9a-f]{32}$/.test(text)) return { algorithm: 'md5', value: text };
  if (/^[0-9a-f]{64}$/.test(text)) return { algorithm: 'sha-256', value: text };
  const message = `${name} has to be an MD5 (32 hex digits) or a SHA-256 (64 hex digits).`;
  throw new HoldfastError('invalid-digest', message, { details: { field: name } });
}

/** Both names are in use; given twice it has to be the same. */
export function chunkChecksumOf(fields: Fields): Digest | null {
  const [one, other] = [checksumOf(fields, 'chunk_checksum'), checksumOf(fields, 'checksum')];
  if (one && other && one.value !== other.value)
    throw new HoldfastError('invalid-digest', 'chunk_checksum and checksum are given and differ.', {
      details: { field: 'checksum' },
    });
  return one ?? other;
}
