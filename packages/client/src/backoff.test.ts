import { expect, test } from 'vitest';
import { backoffMs, parseRetryAfter } from './backoff.ts';

const ceiling = (failures: number) => backoffMs({ failures, retryAfterMs: undefined, random: 1 });

test('the ceilings are 1, 2, 4, 8, 16 and 30 seconds, with jitter over all of it', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 100].map(ceiling)).toEqual([1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 30e3, 30e3]);
  expect(backoffMs({ failures: 5, retryAfterMs: undefined, random: 0 })).toBe(0);
  expect(backoffMs({ failures: 5, retryAfterMs: undefined, random: 0.25 })).toBe(4_000);
});

test('never earlier than the server asked, and not later than ten minutes', () => {
  expect(backoffMs({ failures: 1, retryAfterMs: 5_000, random: 0 })).toBe(5_000);
  expect(backoffMs({ failures: 9, retryAfterMs: 5_000, random: 0.5 })).toBe(5_500);
  expect(backoffMs({ failures: 1, retryAfterMs: 1e12, random: 0 })).toBe(600_000);
});

test('Retry-After comes in seconds or as a date', () => {
  expect(parseRetryAfter('7', 0)).toBe(7_000);
  expect(parseRetryAfter('Sat, 21 Nov 2026 04:00:10 GMT', Date.parse('2026-11-21T04:00:00Z'))).toBe(10_000);
  expect(parseRetryAfter('Sat, 21 Nov 2026 04:00:10 GMT', Date.parse('2026-11-21T05:00:00Z'))).toBe(0);
  expect(parseRetryAfter('soon', 0)).toBeUndefined();
  expect(parseRetryAfter(undefined, 0)).toBeUndefined();
});
