import type { CompressionEstimate } from '@holdfast/client/audio';
import { describe, expect, it } from 'vitest';
import { compressedName, goalOf, isWorthAsking, lossWords, outlookOf, savingWords } from './sound-choice.ts';

const estimate = (inputBytes: number, outputBytes: number, change: Partial<CompressionEstimate> = {}) =>
  ({
    ...{ inputBytes, outputBytes, savedBytes: inputBytes - outputBytes, ratio: inputBytes / outputBytes },
    ...{ durationSeconds: 60, skipped: null },
    estimatedAsrImpact: { relativeWerIncrease: [0.02, 0.04], basis: '' },
    ...change,
  }) satisfies CompressionEstimate;
const skipped = { reason: 'not-smaller', message: 'It is small already.' } as const;

describe('what a choice comes to', () => {
  it('is added up over files, and those that were not looked into are like the others', () => {
    const outlook = outlookOf([estimate(600, 30), estimate(400, 20)], 2_000);
    expect(outlook).toMatchObject({ bytes: 100, ratio: 20, refused: null, lost: [0.02, 0.04] });
    expect(savingWords(outlook)).toBe('about 100 B, 20× smaller');
    expect(lossWords(outlook)).toBe('2 – 4 % more words misheard by recognisers (estimate)');
  });

  it('says why nothing would be gained', () => {
    const outlook = outlookOf([estimate(600, 600, { skipped })], 600);
    expect(savingWords(outlook)).toBe('would not be smaller');
    expect(lossWords(outlook)).toBe('It is small already.');
    expect(outlookOf([estimate(600, 600, { skipped }), estimate(600, 60)], 1_200).refused).toBeNull();
  });
});

it('asks only where an answer can help', () => {
  expect(isWorthAsking({ type: 'audio/wav', size: 5_000_000 }, false)).toBe(true);
  expect(isWorthAsking({ type: 'audio/wav', size: 500_000 }, false)).toBe(false);
  expect(isWorthAsking({ type: 'video/mp4', size: 5_000_000 }, false)).toBe(false);
  expect(isWorthAsking({ type: 'video/mp4', size: 5_000_000 }, true)).toBe(true);
});

it('turns a choice into a goal and a name', () => {
  expect(goalOf('as-is', 20)).toBeNull();
  expect(goalOf('target', 20)).toEqual({ targetSizeMB: 20 });
  expect(goalOf('SPEECH', 20)).toBe('SPEECH');
  expect(compressedName('lecture 4, tides.wav')).toBe('lecture 4, tides.webm');
  expect(compressedName('v1.2 talk')).toBe('v1.2 talk.webm');
});
