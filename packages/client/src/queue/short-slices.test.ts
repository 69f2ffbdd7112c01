import { expect, test } from 'vitest';
import { ShortSlices } from './short-slices.ts';

test('C13: many turns come in order, in slices of ten milliseconds', async () => {
  let now = 0;
  let tasks = 0;
  const slices = new ShortSlices({
    now: () => now,
    after: (_ms, callback) => {
      tasks += 1;
      const timer = setTimeout(callback, 0);
      return () => clearTimeout(timer);
    },
    random: () => 0,
    isOnline: () => true,
    onConnectivity: () => () => {},
  });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      await slices.turn();
      order.push(i);
      now += 1;
    }),
  );
  expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(tasks).toBe(10);
});
