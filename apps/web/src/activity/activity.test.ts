import type { LogEvent } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { eventAsset, eventsShownMax, eventTime, eventTone, eventWords, mergeEvents } from './activity.ts';

const event = (id: number, data: LogEvent['data'] = {}) => ({ id, data }) as LogEvent;

it('shows each event once, newest first, and not endlessly', () => {
  const ids = mergeEvents([event(3), event(1)], [event(2), event(3)]).map((one) => one.id);
  expect(ids).toEqual([3, 2, 1]);
  const many = Array.from({ length: eventsShownMax + 5 }, (_, i) => event(i));
  expect(mergeEvents([], many)).toHaveLength(eventsShownMax);
  expect(mergeEvents([], many)[0]?.id).toBe(eventsShownMax + 4);
});

it('tells the day of what did not happen today', () => {
  const now = new Date(2026, 10, 23, 0, 5);
  const time = (...at: [number, number, number, number]) =>
    eventTime(new Date(...at, 4, 31).toISOString(), now.getTime(), 'en-GB');
  expect(time(2026, 10, 23, 0)).toBe('00:04:31');
  expect(time(2026, 10, 22, 10)).toBe('22 Nov, 10:04:31');
  expect(time(2025, 10, 23, 0)).toBe('23 Nov 2025, 00:04:31');
});

it('leads to an asset only with a proper id', () => {
  expect(eventAsset(event(1, { assetId: 'ab'.repeat(32) }))).toBe('ab'.repeat(32));
  expect(eventAsset(event(1, { assetId: '../x' }))).toBeNull();
  expect(eventAsset(event(1))).toBeNull();
});

it('has a tone and words', () => {
  expect(['run.failed', 'completed', 'step.started'].map(eventTone)).toEqual(['bad', 'good', 'calm']);
  expect(eventWords('step.retrying')).toBe('step retrying');
});
