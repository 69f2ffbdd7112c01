import { expect, test } from 'vitest';
import { FrameBatch } from './frame-batch.ts';

/** Frames that come when the test says so. */
function frames() {
  const requested: ((timeMs: number) => void)[] = [];
  return {
    request: (callback: (timeMs: number) => void) => void requested.push(callback),
    draw: (timeMs: number) => {
      for (const callback of requested.splice(0)) callback(timeMs);
    },
    get waiting() {
      return requested.length;
    },
  };
}

test('C13 changes share a frame, and come ten times a second at most', () => {
  const clock = frames();
  const batch = new FrameBatch(clock.request);
  const heard: string[] = [];
  const first = () => void heard.push('first');
  const second = () => void heard.push('second');
  let drawn = 0;
  for (let ms = 0; ms < 1_000; ms += 16) {
    batch.schedule(first, false);
    batch.schedule(second, false);
    expect(clock.waiting).toBe(1);
    const before = heard.length;
    clock.draw(ms);
    if (heard.length > before) drawn += 1;
  }
  expect(drawn).toBeLessThanOrEqual(10);
  expect(drawn).toBeGreaterThan(5);
  expect(heard.filter((name) => name === 'first')).toHaveLength(drawn);
});

test('a change of state takes the next frame; who left hears nothing', () => {
  const clock = frames();
  const batch = new FrameBatch(clock.request);
  const heard: string[] = [];
  batch.schedule(() => heard.push('progress'), false);
  clock.draw(0);
  batch.schedule(() => heard.push('state'), true);
  clock.draw(16);
  expect(heard).toEqual(['progress', 'state']);
  const gone = () => void heard.push('gone');
  batch.schedule(gone, true);
  batch.forget(gone);
  clock.draw(32);
  expect(heard).toEqual(['progress', 'state']);
  expect(clock.waiting).toBe(0);
});
