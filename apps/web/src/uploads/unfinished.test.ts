import type { QueueItem } from '@holdfast/client/queue';
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
const item = (change: Partial<QueueItem>) =>
  ({ filename: 'film.mp4', size: 9, status: 'queued', uploadId: null, ...change }) as QueueItem;
const nobody = { here: [], isGone: () => false, now };

it('tells what somebody else is sending from what waits for a person', () => {
  const standing = (one: UploadSummary) => unfinishedUploads([one], nobody)[0]?.elsewhere;
  expect(standing(upload('a'))).toBe(true);
  expect(standing(upload('a', { state: 'paused' }))).toBe(false);
  expect(standing(upload('a', { updatedAt: '2026-11-21T11:50:00Z' }))).toBe(false);
  expect(standing(upload('a', { updatedAt: '2026-11-21T11:50:00Z', intake: 'append' }))).toBe(true);
});

it('leaves out what this browser sends, also before it knows its id', () => {
  const ids = (here: QueueItem[]) => unfinishedUploads([upload('a')], { ...nobody, here }).map((one) => one.upload.id);
  expect(ids([item({ uploadId: 'a' })])).toEqual([]);
  expect(ids([item({})])).toEqual([]);
  expect(ids([item({ uploadId: 'b' })])).toEqual(['a']);
  expect(ids([item({ status: 'failed' })])).toEqual(['a']);
});

it('leaves out what was cancelled here a moment ago', () => {
  expect(unfinishedUploads([upload('a')], { ...nobody, isGone: (id) => id === 'a' })).toEqual([]);
});
