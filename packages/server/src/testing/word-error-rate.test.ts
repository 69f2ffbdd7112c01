import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wordErrorRate, wordsOf } from './word-error-rate.ts';

it('counts each kind of error', () => {
  expect(wordErrorRate('the cat sat on the mat', 'The cat, sat on the mat!')).toMatchObject({ rate: 0 });
  expect(wordErrorRate('the cat sat on the mat today', 'the cat sit the mat now today')).toEqual({
    rate: 3 / 7,
    substitutions: 1,
    deletions: 1,
    insertions: 1,
    referenceWords: 7,
  });
  expect(wordErrorRate('one', 'one two three')).toMatchObject({ rate: 2, insertions: 2 });
  expect(wordErrorRate('one two', '')).toMatchObject({ rate: 1, deletions: 2 });
  expect(() => wordErrorRate('…', 'one')).toThrow(/reference/);
  expect(wordsOf('It’s 5 o´clock — déjà vu')).toEqual(["it's", '5', "o'clock", 'déjà', 'vu']);
});

it('never needs more edits than were made, and balances', () => {
  const word = fc.constantFrom('a', 'b', 'c', 'd');
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), fc.array(word, { maxLength: 12 }), (said, heard) => {
      const found = wordErrorRate(said.join(' '), heard.join(' '));
      expect(said.length - found.deletions + found.insertions).toBe(heard.length);
      const edits = found.substitutions + found.deletions + found.insertions;
      expect(edits).toBeLessThanOrEqual(Math.max(said.length, heard.length));
      expect(found.rate).toBeCloseTo(edits / said.length);
      if (said.join() === heard.join()) expect(edits).toBe(0);
    }),
  );
});
