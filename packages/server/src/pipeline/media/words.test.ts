/** Measured numbers in words. */
import { expect, it } from 'vitest';
import { durationWords, timecode } from './words.ts';

it.each([
  [0.01, 'less than 0.1 s'],
  [0.06, '0.1 s'],
  [7, '7 s'],
  [9.97, '9.9 s'],
  [59.99, '59 s'],
  [74.6, '1 min 14 s'],
  [3599.9, '59 min 59 s'],
  [7199.9, '1 h 59 min'],
  [7200, '2 h 00 min'],
])('%d seconds are %s', (seconds, words) => expect(durationWords(seconds)).toBe(words));

it('what lasts for so long ends where a player shows that', () => {
  expect([74.6, 3599.9, 59.99].map(timecode)).toEqual(['1:14', '59:59', '0:59']);
});
