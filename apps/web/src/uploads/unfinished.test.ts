import type { UploadSnapshot } from '@holdfast/client';
import type { UploadSummary } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { unfinishedUploads } from './unfinished.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const upload = (id: string, change: Partial<UploadSummary> = {}) =>
  ({
    id,
    filename: 'film.mp4',
    size: 9,
    state: 'receiving',
    updatedAt: '2026-11-21T11:59:50Z',
    ...change,
  }) as UploadSummary;
const snapshot = (change: Partial<UploadSnapshot>) =>
  ({ filename: 'film.mp4', size: 9, state: 'uploading', uploadId: null, ...change }) as UploadSnapshot;
const nobody = { here: [], isOwn: () => false, isGone: () => false, now };

it('tells what somebody else is sending from what waits for a person', () => {
  const standing = (one: UploadSummary, isOwn = false) =>
    unfinishedUploads([one], { ...nobody, isOwn: () => isOwn })[0]?.elsewhere;
  expect(standing(upload('a'))).toBe(true);
  expect(standing(upload('a'), true)).toBe(false);
  expect(standing(upload('a', { state: 'paused' }))).toBe(false);
  expect(standing(upload('a', { updatedAt: '2026-11-21T11:50:00Z' }))).toBe(false);
});

it('leaves out what this page sends, also before it knows its id', () => {
  const ids = (here: UploadSnapshot[]) =>
    unfinishedUploads([upload('a')], { ...nobody, here }).map((one) => one.upload.id);
  expect(ids([snapshot({ uploadId: 'a' })])).toEqual([]);
  expect(ids([snapshot({ state: 'preparing' })])).toEqual([]);
  expect(ids([snapshot({ uploadId: 'b' })])).toEqual(['a']);
});

it('leaves out what was cancelled here a moment ago', () => {
  expect(unfinishedUploads([upload('a')], { ...nobody, isGone: (id) => id === 'a' })).toEqual([]);
});
