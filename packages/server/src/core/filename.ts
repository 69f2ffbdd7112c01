/** File names as people give them, made safe for display, headers and artifact names. Paths are never built from them. */
import sanitize from 'sanitize-filename';

/** Control, bidirectional-override and zero-width characters: they make a name look like another one. */
const deceptive = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The last path segment without separators, control characters or leading dots; at most 200 UTF-8 bytes with its extension kept; never empty. */
export function safeFilename(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const { stem, extension } = splitExtension(last.normalize('NFC').replace(deceptive, ''));
  const short = truncateUtf8(stem, 200 - utf8Length(extension)) + extension;
  const clean = sanitize(short)
    .replace(/^[.\s]+/, '')
    .trim();
  return clean === '' ? 'unnamed' : clean;
}

/** `talk.final.mp4` → `talk.final` and `.mp4`; extensions have at most 10 characters. */
export function splitExtension(name: string): { stem: string; extension: string } {
  const match = /^(.+)(\.[\p{L}\p{N}]{1,10})$/u.exec(name);
  return match ? { stem: match[1] ?? name, extension: match[2] ?? '' } : { stem: name, extension: '' };
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function truncateUtf8(text: string, bytesMax: number): string {
  let out = '';
  let bytes = 0;
  for (const character of text) {
    bytes += utf8Length(character);
    if (bytes > bytesMax) break;
    out += character;
  }
  return out;
}
