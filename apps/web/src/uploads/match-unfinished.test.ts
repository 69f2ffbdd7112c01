import type { UploadSummary } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { matchUnfinished } from './match-unfinished.ts';

const film = { name: 'film.mp4', size: 100, lastModified: 7 };
const unfinished = (id: string, change: Partial<UploadSummary> = {}) =>
  ({
    id,
    filename: 'film.mp4',
    size: 100,
    receivedBytes: 50,
    metadata: { lastModified: '7' },
    ...change,
  }) as UploadSummary;

it('continues the upload of the same name, size and time', () => {
  expect(matchUnfinished(film, [unfinished('a')])?.id).toBe('a');
  expect(matchUnfinished(film, [unfinished('a', { size: 101 })])).toBeNull();
  expect(matchUnfinished(film, [unfinished('a', { filename: 'other.mp4' })])).toBeNull();
});

it('does not continue a file that was changed since, or of which nobody knows', () => {
  expect(matchUnfinished(film, [unfinished('a', { metadata: { lastModified: '6' } })])).toBeNull();
  expect(matchUnfinished(film, [unfinished('a', { metadata: {} })])).toBeNull();
});

it('prefers what has come furthest', () => {
  const uploads = [unfinished('a', { receivedBytes: 10 }), unfinished('b', { receivedBytes: 90 })];
  expect(matchUnfinished(film, uploads)?.id).toBe('b');
});
