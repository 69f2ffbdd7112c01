import { expect, test } from 'vitest';
import { nameOrder, textOrder } from './order.ts';

test('names are in the order in which people count', () => {
  const names = ['shot-10.jpg', 'Shot-9.jpg', 'shot-2.jpg', 'a10b2', 'a10b10', 'a9', '007', '7'];
  expect(
    names
      .map((name) => ({ name }))
      .toSorted(nameOrder)
      .map(({ name }) => name),
  ).toEqual([...['007', '7', 'a9', 'a10b2', 'a10b10'], ...['shot-2.jpg', 'Shot-9.jpg', 'shot-10.jpg']]);
});

test('times are in their order', () => {
  const times = ['2026-11-21T10:00:00.000Z', '2026-11-21T09:59:59.999Z', '2026-11-21T10:00:00.001Z'];
  expect(times.toSorted(textOrder)).toEqual([times[1], times[0], times[2]]);
});
