import type { Asset } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { deletionWords } from './deletion-words.ts';

const named = (...names: string[]) => ({
  sources: names.map((filename) => ({ filename })) as unknown as Asset['sources'],
});

it('says that a content goes under all its names, and not more than a few of them', () => {
  expect(deletionWords(named('a.mp4'))).not.toContain('a.mp4');
  expect(deletionWords(named('a.mp4', 'a.mp4'))).toContain('came several times: it is kept once, and all of them go.');
  expect(deletionWords(named('a.mp4', 'b.mp4'))).toContain('came several times, as “a.mp4” and “b.mp4”:');
  expect(deletionWords(named('a', 'b', 'c', 'd', 'e'))).toContain('came several times, as “a”, “b”, “c” and others:');
});

it('speaks of uploads only where there were some', () => {
  expect(deletionWords(named('a.mp4'))).toContain('history of uploads');
  const watched = { filename: 'a.mp4', watched: { folder: 'in', path: 'a.mp4' } };
  expect(deletionWords({ sources: [watched] as unknown as Asset['sources'] })).not.toContain('uploads');
});
