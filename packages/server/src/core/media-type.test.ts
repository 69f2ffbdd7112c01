/** C11: what is declared, what is found, and what is allowed. */
import { describe, expect, it, test } from 'vitest';
import {
  type AllowedTypes,
  assertDeclaredType,
  type Found,
  isMediaRange,
  readsAsText,
  typeRefusal,
} from './media-type.ts';

const audio: AllowedTypes = [['audio/*']];
const octets = 'application/octet-stream';

function taken(declared: string, found: Found, allowed: AllowedTypes): boolean {
  return typeRefusal(declared, found, allowed) === null;
}

describe('what is found', () => {
  it.each<[declared: string, found: Found, allowed: AllowedTypes, taken: boolean]>([
    ['audio/wav', { type: 'audio/wav' }, audio, true],
    ['audio/x-wav', { type: 'audio/wav' }, audio, true],
    [octets, { type: 'audio/mpeg' }, audio, true],
    ['audio/webm', { type: 'video/webm' }, audio, true],
    ['audio/mp4', { type: 'video/mp4' }, audio, true],
    ['audio/x-m4a', { type: 'video/mp4' }, audio, true],
    [octets, { type: 'video/webm' }, audio, true],
    ['video/webm', { type: 'video/webm' }, audio, false],
    ['audio/wav', { type: 'video/mp4' }, audio, false],
    ['audio/wav', { type: 'image/png' }, audio, false],
    ['audio/wav', { type: 'application/x-msdownload' }, audio, false],
    ['audio/wav', 'text', audio, false],
    [octets, 'text', audio, false],
    ['audio/basic', 'unknown', audio, true],
    [octets, 'unknown', audio, false],
    ['video/mp4', { type: 'video/quicktime' }, [['video/mp4']], true],
    ['video/mp4', { type: 'video/webm' }, [['video/*']], false],
    ['image/png', { type: 'image/jpeg' }, [['image/*']], false],
    ['text/csv', 'text', [['text/*']], true],
    ['text/csv', 'text', [['text/plain']], false],
    [octets, 'text', [['text/plain']], true],
    ['application/json', 'text', [['application/json']], true],
    ['text/plain', { type: 'image/png' }, [['text/*', 'image/*']], false],
    ['text/xml', { type: 'application/xml' }, [['text/*']], true],
    [octets, 'unknown', [['*/*']], true],
    ['audio/wav', { type: 'audio/wav' }, [['audio/*'], ['video/*']], false],
    ['audio/wav', { type: 'audio/wav' }, [['audio/*', 'video/*'], ['audio/wav']], true],
    ['text/html', { type: 'application/x-msdownload' }, [null, null], true],
  ])('declared %s, found %j, allowed %j: taken %s', (declared, found, allowed, expected) => {
    expect(taken(declared, found, allowed)).toBe(expected);
    if (!expected) expect(typeRefusal(declared, found, allowed)?.code).toBe('unsupported-type');
  });
});

test('what is declared has to be allowed, unless nothing is declared', () => {
  for (const type of ['audio/x-wav', octets]) assertDeclaredType(type, [['audio/wav']]);
  for (const type of ['video/webm', 'text/html', 'audio/mpeg'])
    expect(() => assertDeclaredType(type, [['audio/wav']])).toThrow(/allowed: audio\/wav/);
});

it.each(['audio/*', '*/*', 'video/mp4', 'application/vnd.ms-asf', 'Image/SVG+xml'])('%s is a media range', (text) => {
  expect(isMediaRange(text)).toBe(true);
});

it.each(['audio', '*/mp4', 'a/b/c', 'audio/wav;q=1', '', '/', 'audio/', ' audio/*'])('%j is none', (text) => {
  expect(isMediaRange(text)).toBe(false);
});

test('text is what reads as text, also when its last character is cut off', () => {
  for (const text of ['a', '<html>', 'Größe\r\n\t', '\u001b[0m', '日本'])
    expect(readsAsText(Buffer.from(text))).toBe(true);
  expect(readsAsText(Buffer.from('日本').subarray(0, 5))).toBe(true);
  for (const bytes of [[], [0], [0x41, 0x00], [0xff, 0xfe], [0xc3, 0x28], [0x7f, 0x45, 0x4c, 0x46, 2]])
    expect([bytes, readsAsText(Uint8Array.from(bytes))]).toEqual([bytes, false]);
});
