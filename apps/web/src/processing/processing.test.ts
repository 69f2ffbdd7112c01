import type { Class, PlacedStep, RunCount } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { endedOf, placesOf, retryOf, shortTime } from './processing.ts';

const light: Class = { name: 'light', limit: 2, running: 1, pending: 0, paused: null };
const step = (key: string, of: string) => ({ key, class: of }) as PlacedStep;

it('has as many places as may be taken, and more when other nodes take them', () => {
  const seen = (running: PlacedStep[]) =>
    placesOf([light], running).map((place) => [place.class, place.step?.key ?? 'free']);
  expect(seen([])).toEqual([
    ['light', 'free'],
    ['light', 'free'],
  ]);
  expect(seen([step('a', 'light')])).toEqual([
    ['light', 'a'],
    ['light', 'free'],
  ]);
  expect(seen(['a', 'b', 'c'].map((key) => step(key, 'light')))).toHaveLength(3);
  expect(seen([step('x', 'other')]).at(-1)).toEqual(['other', 'x']);
});

it('counts what ended over all pipelines', () => {
  const count = (state: RunCount['state'], runs: number) => ({ pipeline: 'p', state, runs, assets: runs, bytes: runs });
  expect(endedOf([count('succeeded', 2), count('succeeded', 3), count('failed', 1)])).toEqual({
    succeeded: 5,
    failed: 1,
    cancelled: 0,
    bytes: 5,
  });
});

it.each([
  [42, '42 ms'],
  [3_100, '3.1 s'],
  [59_960, '1 min 0 s'],
  [242_000, '4 min 2 s'],
  [3_900_000, '1 h 5 min'],
])('%i ms are %s', (ms, words) => {
  expect(shortTime(ms)).toBe(words);
});

it('orders a group again by what its members have in common', () => {
  const group = { step: 'probe', errorClass: null, reason: '', count: 1, firstAt: '', lastAt: '' };
  expect(retryOf(group)).toEqual({ step: 'probe' });
  expect(retryOf({ ...group, errorClass: 'timeout', reason: 'late' })).toEqual({
    step: 'probe',
    errorClass: 'timeout',
    reason: 'late',
  });
});
