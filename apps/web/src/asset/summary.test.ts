import { expect, it } from 'vitest';
import { readSummary } from './summary.ts';

it('reads the text and the words for each shot', () => {
  const summary = readSummary({
    text: ' Video of 12 s. ',
    scenes: [{ index: 1, traits: ['bright', 3, 'lively'] }, { index: 2 }],
    notKnown: ['What is said.'],
  });
  expect(summary?.text).toBe('Video of 12 s.');
  expect([...(summary?.shotTraits ?? [])]).toEqual([[1, ['bright', 'lively']]]);
  expect(summary?.notKnown).toEqual(['What is said.']);
});

it.each([null, [], { scenes: [] }, { text: 7 }])('is nothing for %j', (json) => {
  expect(readSummary(json)).toBeNull();
});
