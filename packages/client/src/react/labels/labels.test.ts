import { expect, test } from 'vitest';
import { en } from './en.ts';
import { es } from './es.ts';
import { createFormat } from './format.ts';
import { pt } from './pt.ts';

/** Every text that can be shown, under the path to it. */
function texts(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'function') return [[path, String(value('«1»', '«2»', '«3»'))]];
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => texts(inner, `${path}.${key}`));
}

test.each([es, pt])('C13 $locale says everything in its own words, with the same facts', (labels) => {
  const english = new Map(texts(en));
  const facts = (text: string) => [...text.matchAll(/«\d»/g)].map(([fact]) => fact).sort();
  for (const [path, text] of texts(labels)) {
    if (english.get(path) === '') continue;
    expect(text.trim(), path).not.toBe('');
    if (path.startsWith('.errors')) continue;
    const original = english.get(path) ?? '';
    expect(facts(text), path).toEqual(facts(original));
    if (/\p{L}{3}/u.test(original.replaceAll(/«\d»/g, ''))) expect(text, path).not.toBe(original);
  }
});

test('C13 numbers are written as the locale does', () => {
  const narrow = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ');
  const [english, spanish] = [createFormat('en'), createFormat('es')];
  expect([0, 999, 1_000, 34_120_000, 691_200_000, 1.25e12].map((bytes) => narrow(english.bytes(bytes)))).toEqual([
    ...['0 bytes', '999 bytes', '1 kB', '34.1 MB', '691 MB', '1.3 TB'],
  ]);
  expect([999_499, 999_500, 999_950_000].map((bytes) => narrow(english.bytes(bytes)))).toEqual([
    '999 kB',
    '1 MB',
    '1 GB',
  ]);
  expect(narrow(spanish.bytes(34_120_000))).toBe('34,1 MB');
  expect(narrow(spanish.percent(0.256))).toBe('25 %');
  expect(narrow(english.speed(5_240_000))).toBe('5.2 MB/s');
  expect([0, 59, 59.2, 61, 3_569, 3_585, 3_600, 5_400].map((seconds) => narrow(english.duration(seconds)))).toEqual([
    ...['1 sec', '59 sec', '1 min', '1 min', '59 min', '1 hr', '1 hr', '1.5 hr'],
  ]);
  expect([5.9, 125, 3_725].map((seconds) => english.clock(seconds))).toEqual(['0:05', '2:05', '1:02:05']);
  expect(english.percent(0.9999)).toBe('99%');
});
