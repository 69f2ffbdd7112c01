import { expect, it } from 'vitest';
import { createAnnouncer } from './announcer.ts';

it('gathers what is said at once, and says the same thing again when it happens again', () => {
  const timers: (() => void)[] = [];
  const announcer = createAnnouncer({
    setTimer(run) {
      timers.push(run);
      return () => {};
    },
  });
  announcer.say('a.mp4 is paused.');
  announcer.say('b.mp4 is paused.');
  expect(timers).toHaveLength(1);
  expect(announcer.getSnapshot()).toBe('');
  timers[0]?.();
  const first = announcer.getSnapshot();
  expect(first).toBe('a.mp4 is paused. b.mp4 is paused.');
  announcer.say('a.mp4 is paused. b.mp4 is paused.');
  timers[1]?.();
  expect(announcer.getSnapshot()).not.toBe(first);
  expect(announcer.getSnapshot().trim()).toBe(first);
});
