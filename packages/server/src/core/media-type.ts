/**
 * Which media types are taken, by what is declared and by what the first bytes say.
 *
 * What is found decides over what is declared. Containers that hold sound or pictures or both (WebM, MP4, Ogg …) do not tell which from
 * their first bytes, so a container counts as each of its types: a browser's recording is found as video/webm and is audio/webm all the
 * same. Bytes that no signature fits are text when they read as text; other unknown bytes prove nothing, and the declared type stands.
 */
import { HoldfastError } from './errors.ts';

const token = '[a-z0-9][a-z0-9!#$&^_.+-]{0,126}';
const mediaRange = new RegExp(`^(?:\\*/\\*|${token}/(?:\\*|${token}))$`, 'i');
/** What is declared by those who do not know. */
export const unknownType = 'application/octet-stream';

/** Names of one and the same format. */
const synonyms: readonly (readonly string[])[] = [
  ['audio/mp4', 'audio/x-m4a', 'audio/m4a', 'audio/x-m4b'],
  ['video/mp4', 'video/x-m4v'],
  ['video/matroska', 'video/x-matroska'],
  ['audio/matroska', 'audio/x-matroska'],
  ['audio/mpeg', 'audio/mp3', 'audio/x-mp3', 'audio/mpeg3'],
  ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  ['audio/aiff', 'audio/x-aiff'],
  ['audio/flac', 'audio/x-flac'],
  ['audio/aac', 'audio/x-aac', 'audio/aacp'],
  ['video/vnd.avi', 'video/x-msvideo', 'video/avi', 'video/msvideo'],
  ['video/x-flv', 'video/flv'],
  ['image/jpeg', 'image/jpg', 'image/pjpeg'],
  ['image/bmp', 'image/x-ms-bmp'],
  ['application/zip', 'application/x-zip-compressed'],
  ['application/gzip', 'application/x-gzip'],
  ['application/xml', 'text/xml'],
];

/** Formats whose first bytes do not tell them apart. */
const containers: readonly (readonly string[])[] = [
  ['video/mp4', 'audio/mp4', 'video/quicktime', 'video/3gpp', 'audio/3gpp', 'video/3gpp2', 'audio/3gpp2'],
  ['video/webm', 'audio/webm', 'video/matroska', 'audio/matroska'],
  ['application/ogg', 'audio/ogg', 'video/ogg', 'audio/opus', 'audio/vorbis', 'audio/speex'],
  ['application/vnd.ms-asf', 'video/x-ms-asf', 'audio/x-ms-asf', 'video/x-ms-wmv', 'audio/x-ms-wma'],
  ['video/mp2t', 'video/mpeg', 'video/mp1s', 'video/mp2p'],
  ['audio/amr', 'audio/amr-wb'],
  ['application/xml', 'image/svg+xml'],
];

/** Types whose bytes are text. */
const textual =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml|javascript|x-subrip|x-ndjson)$|image\/svg\+xml$)/;

/** What is allowed: each list has to allow a type; null allows everything. */
export type AllowedTypes = readonly (readonly string[] | null)[];

/** What the first bytes tell: a type by its signature, text, or nothing. */
export type Found = { readonly type: string } | 'text' | 'unknown';

export function isMediaRange(text: string): boolean {
  return mediaRange.test(text);
}

/** Whether the type, under any of its names, is in one of the media ranges. */
export function isOfType(type: string, ranges: readonly string[]): boolean {
  return named(type).some((name) => ranges.some((range) => matches(range, name)));
}

export function isRestricted(allowed: AllowedTypes): boolean {
  return allowed.some((ranges) => ranges !== null);
}

function matches(range: string, type: string): boolean {
  if (range === '*/*' || range === type) return true;
  return range.endsWith('/*') && type.startsWith(range.slice(0, -1));
}

function takes(allowed: AllowedTypes, type: string): boolean {
  return allowed.every((ranges) => ranges === null || ranges.some((range) => matches(range, type)));
}

/** All names of the format. */
function named(type: string): readonly string[] {
  return synonyms.find((group) => group.includes(type)) ?? [type];
}

/** The type and all that its first bytes cannot be told from, by all their names. */
function lookAlikes(type: string): readonly string[] {
  const names = named(type);
  const group = containers.find((some) => names.some((name) => some.includes(name))) ?? names;
  return [...names, ...group.flatMap(named)];
}

/** At creation, before there are bytes: an unknown type may pass, its bytes are looked at later. Throws `unsupported-type`. */
export function assertDeclaredType(declared: string, allowed: AllowedTypes): void {
  if (declared === unknownType || named(declared).some((type) => takes(allowed, type))) return;
  throw unsupported(`Files of the type ${declared} are not taken`, allowed);
}

/** Null when the bytes may be what is allowed; otherwise why not. */
export function typeRefusal(declared: string, found: Found, allowed: AllowedTypes): HoldfastError | null {
  if (!isRestricted(allowed)) return null;
  if (found === 'unknown') {
    if (named(declared).some((type) => takes(allowed, type))) return null;
    return unsupported('The content is of no type that can be recognised', allowed);
  }
  if (found === 'text') {
    const type = textual.test(declared) ? declared : 'text/plain';
    if ((type === declared || declared === unknownType) && takes(allowed, type)) return null;
    return unsupported(`The content is text${declaredAs(declared)}`, allowed);
  }
  const types = lookAlikes(found.type);
  const possible = declared === unknownType ? types : types.includes(declared) ? named(declared) : [];
  if (possible.some((type) => takes(allowed, type))) return null;
  return unsupported(`The content is ${found.type}${declaredAs(declared)}`, allowed);
}

/** Whether bytes read as text: UTF-8 without control characters beside blanks. A character may be cut off at the end. */
export function readsAsText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  const text = new TextDecoder('utf-8', { fatal: false }).decode(head, { stream: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells text from other bytes.
  return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/.test(text);
}

function declaredAs(declared: string): string {
  return declared === unknownType ? '' : `, declared as ${declared}`;
}

function unsupported(what: string, allowed: AllowedTypes): HoldfastError {
  const lists = allowed.filter((ranges) => ranges !== null);
  const words = lists.map((ranges) => ranges.join(', ')).join(' and ');
  return new HoldfastError('unsupported-type', `${what}; allowed: ${words}.`, { details: { allowedTypes: lists } });
}
