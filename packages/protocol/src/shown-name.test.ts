import { expect, it } from 'vitest';
import { shownName } from './shown-name.ts';

it('shows what would turn a name round or not be seen', () => {
  expect(shownName('invoice\u202efdp.exe')).toBe('invoice\ufffdfdp.exe');
  expect(shownName('\u2067a\u2069\u200f\u061c.mp4')).toBe('\ufffda\ufffd\ufffd\ufffd.mp4');
  expect(shownName('same\u200b\u00ad\u2060\ufeff.mp4')).toBe('same\ufffd\ufffd\ufffd\ufffd.mp4');
  expect(shownName('two\nlines\u2028\u0000.mp4')).toBe('two\ufffdlines\ufffd\ufffd.mp4');
});

it.each(['جلسه‌ها.mp4', 'क्‍ष.wav', '👩‍🔬 talk.mp4', 'שיעור 4.mp3', 'Übung 100 %.wav', '会議.mp4'])(
  'leaves %s as it is',
  (name) => {
    expect(shownName(name)).toBe(name);
  },
);
