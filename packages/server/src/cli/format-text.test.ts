import { expect, test } from 'vitest';
import { formatBytes } from '../core/byte-words.ts';
import { formatDuration, formatPercent, formatSpeed, formatTable, safeText } from './format-text.ts';
import { shortTime } from './runs-text.ts';

test('bytes, speeds, times and shares', () => {
  expect([0, 999, 1_000, 999_949, 999_950, 1.5e9, 2e15].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '999.9 kB',
    '1.0 MB',
    '1.5 GB',
    '2000.0 TB',
  ]);
  expect([formatSpeed(null), formatSpeed(5.2e6)]).toEqual(['', '5.2 MB/s']);
  expect([-1, 0.4, 59.6, 3_599, 7_260].map(formatDuration)).toEqual([
    '0 s',
    '0 s',
    '1 min 0 s',
    '59 min 59 s',
    '2 h 1 min',
  ]);
  expect([999, 3_140, 59_949, 59_980, 242_000].map(shortTime)).toEqual([
    '999 ms',
    '3.1 s',
    '59.9 s',
    '1 min 0 s',
    '4 min 2 s',
  ]);
  expect([0, 0.999, 1].map(formatPercent)).toEqual(['0 %', '99 %', '100 %']);
});

test('tables line up', () => {
  expect(
    formatTable([
      ['a', 'bb', 'c'],
      ['aaa', 'b', 'ccc'],
    ]),
  ).toEqual(['a    bb  c', 'aaa  b   ccc']);
});

test('names from outside cannot steer the terminal or turn the line around', () => {
  expect(safeText('a\u001b[31m\n\u202egpj.exe\u0085')).toBe('a?[31m??gpj.exe?');
});
