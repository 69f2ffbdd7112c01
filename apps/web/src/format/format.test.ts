import { describe, expect, it } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatPercent,
  formatRemaining,
  formatTimecode,
  plural,
  spokenDuration,
} from './format.ts';

describe('numbers as people read them', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [999_499, '999 kB'],
    [999_600, '1.00 MB'],
    [1_420_000_000, '1.42 GB'],
    [26_300_000, '26.3 MB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes, 'en')).toBe(text);
  });

  it('says 100 % only when all is there', () => {
    expect(formatPercent(0.9999)).toBe('99 %');
    expect(formatPercent(1)).toBe('100 %');
    expect(formatPercent(Number.NaN)).toBe('0 %');
  });

  it('writes places in a film', () => {
    expect(formatTimecode(0)).toBe('0:00');
    expect(formatTimecode(59.99)).toBe('0:59');
    expect(formatTimecode(247)).toBe('4:07');
    expect(formatTimecode(3729)).toBe('1:02:09');
  });

  it('speaks lengths', () => {
    expect(spokenDuration(0.4)).toBe('less than 1 second');
    expect(spokenDuration(1)).toBe('1 second');
    expect(spokenDuration(247)).toBe('4 minutes 7 seconds');
    expect(spokenDuration(7260)).toBe('2 hours 1 minute');
    expect(spokenDuration(0)).toBe('0 seconds');
  });

  it('says what is left without flicker', () => {
    expect(formatRemaining(0.2)).toBe('almost done');
    expect(formatRemaining(11.2)).toBe('12 s left');
    expect(formatRemaining(59)).toBe('59 s left');
    expect(formatRemaining(59.5)).toBe('about 1 min left');
    expect(formatRemaining(170)).toBe('about 3 min left');
    expect(formatRemaining(3585)).toBe('about 1 h left');
    expect(formatRemaining(4800)).toBe('about 1 h 20 min left');
  });

  it('says how long ago', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(formatAgo('2026-11-21T11:59:50Z', now, 'en')).toBe('just now');
    expect(formatAgo('2026-11-21T11:55:00Z', now, 'en')).toBe('5 minutes ago');
    expect(formatAgo('2026-11-21T11:00:10Z', now, 'en')).toBe('1 hour ago');
    expect(formatAgo('2026-11-20T12:20:00Z', now, 'en')).toBe('yesterday');
    expect(formatAgo('2026-11-20T12:00:00Z', now, 'en')).toBe('yesterday');
    expect(formatAgo('2026-11-14T20:00:00Z', now, 'en')).toBe('Nov 14, 2026');
    expect(formatAgo('nonsense', now)).toBe('');
  });

  it('counts', () => {
    expect(plural(1, 'file')).toBe('1 file');
    expect(plural(2, 'entry', 'entries')).toBe('2 entries');
  });
});
