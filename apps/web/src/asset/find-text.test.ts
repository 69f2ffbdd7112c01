import { expect, it } from 'vitest';
import { folded, partsOf, placesOf, textsWith } from './find-text.ts';

it('finds without case and accents, at the right places', () => {
  const text = 'El RÍO, ‘Río’ y el rı\u0301o: straße';
  const words = (query: string) => placesOf(text, query).map(([from, to]) => text.slice(from, to));
  expect(words('rio')).toEqual(['RÍO', 'Río']);
  expect(words('STRAẞE')).toEqual(['straße']);
  expect(words('  ')).toEqual([]);
});

it.each(['İstanbul', 'ﬁne', '👩‍👩‍👧 e\u0301', ''])('keeps the length of %j', (text) => {
  expect(folded(text)).toHaveLength(text.length);
});

it('says which texts have it', () => {
  expect(textsWith(['a cat', 'a dog', 'cats'].map(folded), 'Cat')).toEqual([0, 2]);
  expect(textsWith(['a'], '')).toEqual([]);
});

it('marks places that somebody else gave, whatever they are', () => {
  expect(
    partsOf('abcdef', [
      [1, 3],
      [4, 5],
    ]),
  ).toEqual([
    { text: 'a', found: false },
    { text: 'bc', found: true },
    { text: 'd', found: false },
    { text: 'e', found: true },
    { text: 'f', found: false },
  ]);
  const hostile = partsOf('<img src=x>', [
    [5, 99],
    [-4, 2],
    [8, 1],
    [0, 0],
  ]);
  expect(hostile.map(({ text }) => text).join('')).toBe('<img src=x>');
});
