import type { QueueItem } from '@holdfast/client/queue';
import { expect, it } from 'vitest';
import { isOnItsWay, listedUploads, rowsOf, totalsOf, totalWords } from './listed.ts';

const item = (id: string, change: Partial<QueueItem> = {}) =>
  ({
    ...{
      id,
      status: 'uploading',
      keeping: 'stored',
      filename: `${id}.mp4`,
      size: 100,
      progress: 0.5,
      completedAt: null,
    },
    ...{ metadata: { lastModified: '7' }, waiting: null, error: null },
    ...change,
  }) as QueueItem;
const ids = (items: readonly QueueItem[]) => items.map(({ id }) => id).join('');

it('shows all of a few in the order in which they came', () => {
  const items = [item('a'), item('b', { status: 'failed' }), item('c', { status: 'completed' })];
  expect(rowsOf(items, 3)).toEqual({ rows: items, more: 0 });
});

it('shows of many first what needs somebody, then what moves, then what waits, and what is over last', () => {
  const items = [
    item('a', { status: 'completed' }),
    item('b', { status: 'queued' }),
    item('c'),
    item('d', { status: 'needs-reselect' }),
    item('e', { status: 'paused' }),
  ];
  const { rows, more } = rowsOf(items, 4);
  expect(ids(rows)).toBe('dceb');
  expect(more).toBe(1);
});

it('leaves out what was over before', () => {
  const items = [
    item('a', { status: 'completed', completedAt: 99 }),
    item('b', { status: 'completed', completedAt: 101 }),
    item('c', { status: 'cancelled' }),
    item('d'),
  ];
  expect(ids(listedUploads(items, 100))).toBe('bd');
});

it('adds up what is on the way', () => {
  const items = [item('a', { size: 300, progress: 0.999 }), item('b'), item('c', { status: 'completed', progress: 1 })];
  expect(totalsOf(items)).toEqual({ active: 2, stuck: 0, fraction: 0.87, onlyHere: false });
  expect(totalsOf([item('a', { keeping: 'memory' })]).onlyHere).toBe(true);
  expect(totalsOf([])).toEqual({ active: 0, stuck: 0, fraction: 0, onlyHere: false });
});

it('does not call on the way what waits for a person', () => {
  const stuck = [item('b', { status: 'failed' }), item('c', { status: 'needs-reselect', progress: 0 })];
  expect(totalWords(totalsOf(stuck))).toBe('2 files not sent');
  const items = [item('a', { progress: 0.9 }), ...stuck];
  expect(totalsOf(items)).toMatchObject({ active: 3, stuck: 2, fraction: 0.9 });
  expect(totalWords(totalsOf(items))).toBe('1 file on the way');
  expect(totalWords(totalsOf([item('a', { status: 'completed' })]))).toBeNull();
});

it('knows a file that is on its way, and not one that failed or was changed', () => {
  const file = { name: 'a.mp4', size: 100, lastModified: '7' };
  expect(isOnItsWay([item('a')], file)).toBe(true);
  expect(isOnItsWay([item('a')], { ...file, lastModified: '8' })).toBe(false);
  expect(isOnItsWay([item('a', { status: 'failed' })], file)).toBe(false);
  expect(isOnItsWay([item('a', { status: 'completed' })], file)).toBe(false);
});
