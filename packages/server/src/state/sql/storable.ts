import { HoldfastError } from '../../core/errors.ts';

/** What programs say may have zero characters (UTF-16, binary output), which PostgreSQL's text cannot hold. As many characters as before. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}

/** What people look for: SQLite would end a pattern at a zero character, and so find everything; PostgreSQL takes none. Throws `invalid-request`. */
export function sought(text: string): string {
  if (text.includes('\0')) throw unstorable();
  return text;
}

export function unstorable(options: ErrorOptions = {}): HoldfastError {
  return new HoldfastError('invalid-request', 'A text has a character that cannot be stored.', options);
}
