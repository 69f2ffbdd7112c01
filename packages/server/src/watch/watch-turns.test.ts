/** E1, D: nodes that share a watched folder look after it one at a time, and go on when one stands still or dies. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WatchBench } from '../../test/watch-bench.ts';
import type { Clock } from '../core/ports/clock.ts';
import { systemClock } from '../platform/system-clock.ts';
import { StoppableClock } from '../testing/stoppable-clock.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-turns-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const goodForMs = 900;
const folder = { formats: ['text/*'] };

const open = (node: string, clock: Clock = systemClock) =>
  WatchBench.open(dir, { folder, clock, turns: { holder: { process: `${node}/1`, node }, goodForMs } });

test('one looks after it; the others tell who, and pass on what they are asked for', async () => {
  const [one, two] = [await open('one'), await open('two')];
  await one.watcher.start();
  await two.watcher.start();
  await one.write('a.txt', 'text of a');
  await one.until(({ counts }) => counts.taken + counts.done + counts.ended === 1);
  expect(two.reads.files).toBe(0);
  expect(await two.details()).toMatchObject({
    noticesReason: 'node one looks after it',
    state: 'watching',
    files: 1,
    recent: [{ path: 'a.txt' }],
  });
  const before = (await one.details()).scannedAt ?? 0;
  expect(await two.watcher.scan((await two.details()).folder.id)).toBe(true);
  await one.until(({ scannedAt }) => (scannedAt ?? 0) > before);
  // Stopped in order, the next has its turn at once.
  await one.watcher.stop();
  await two.until(({ noticesReason }) => noticesReason !== 'node one looks after it' && noticesReason === null);
  await two.write('b.txt', 'text of b');
  await two.until(({ counts }) => counts.taken + counts.done + counts.ended === 2);
  await two.watcher.stop();
});

test('another takes over from one that stands still, and that one does nothing more when it wakes', async () => {
  const clock = new StoppableClock();
  const [asleep, awake] = [await open('asleep', clock), await open('awake')];
  await asleep.watcher.start();
  await awake.watcher.start();
  clock.stop();
  await awake.write('a.txt', 'text of a');
  await awake.until(({ counts }) => counts.taken + counts.done + counts.ended === 1);
  expect(awake.reads.files).toBe(1);
  await awake.write('b.txt', 'text of b');
  clock.wake();
  await awake.until(({ counts }) => counts.taken + counts.done + counts.ended === 2);
  await asleep.until(({ noticesReason }) => noticesReason === 'node awake looks after it');
  expect({ asleep: asleep.reads.files, awake: awake.reads.files }).toEqual({ asleep: 0, awake: 2 });
  await asleep.watcher.stop();
  await awake.watcher.stop();
});
