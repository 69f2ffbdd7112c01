/**
 * Names of files as text. A name is bytes; those that are no well-formed UTF-8 cannot be kept in a database as they are, so each byte that
 * does not fit is written as %XX, and % itself as %25. Well-formed names without % stay as they are. The way back is exact.
 */

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { BytePath } from '../core/ports/file-intake.ts';

const slash = 0x2f;

export function nameToText(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  if (isUtf8(bytes)) return bytes.toString('utf8').replaceAll('%', '%25');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterAt(bytes, at);
    if (length === 0) text += `%${bytes.toString('hex', at, at + 1).toUpperCase()}`;
    else text += bytes.toString('utf8', at, at + length).replaceAll('%', '%25');
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the well-formed character that begins there; 0 when none does. */
function characterAt(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1)
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  return 0;
}

export function textToName(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text);
  const parts = text.split(/%([0-9A-F]{2})/);
  return Buffer.concat(parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part, 'hex') : Buffer.from(part))));
}

/** A name for people: what is not well-formed shows as U+FFFD. */
export function shownName(text: string): string {
  return textToName(text).toString('utf8');
}

/** Paths as bytes, without any idea of what they mean. */
export function joinBytes(dir: BytePath, name: BytePath): Buffer {
  if (name.length === 0) return Buffer.from(dir);
  if (dir.length === 0) return Buffer.from(name);
  const parts = dir.at(-1) === slash ? [dir, name] : [dir, Buffer.of(slash), name];
  return Buffer.concat(parts);
}

/** Text of `dir/name`, both as text. */
export function joinText(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`;
}

/** What file systems take: bytes of one name. */
const nameBytesMax = 255;

/** `stem` and `tail` as one name; where they are too long together, the stem is cut between characters. */
export function cutName(stem: Buffer, tail: Buffer): Buffer {
  let end = Math.min(stem.length, Math.max(0, nameBytesMax - tail.length));
  // 10xxxxxx goes on with a character.
  if (end < stem.length) while (end > 0 && ((stem[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return Buffer.concat([stem.subarray(0, end), tail]);
}

/** As `cutName`, but names that differ stay different. */
export function fitName(stem: Buffer, tail: Buffer): Buffer {
  if (stem.length + tail.length <= nameBytesMax) return Buffer.concat([stem, tail]);
  const digest = createHash('sha256').update(stem).digest('hex');
  return cutName(stem, Buffer.concat([Buffer.from(`~${digest.slice(0, 8)}`), tail]));
}

/** The absolute path of something in the folder. */
export function pathIn(folder: string, dir: string, name: string): Buffer {
  return joinBytes(joinBytes(Buffer.from(folder), textToName(dir)), textToName(name));
}

/** The name of a place as a source of assets: the same place always has the same. */
export function placeId(folderId: string, dir: string, name: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([folderId, dir, name]))
    .digest('hex');
  return `watch-${digest.slice(0, 32)}`;
}

/** A folder is known by its path. */
export function folderIdOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}
