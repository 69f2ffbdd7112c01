import { expect, test } from 'vitest';
import { settle } from '../test/virtual-runtime.ts';
import { ConnectionSlots } from './connection-slots.ts';

const never = new AbortController().signal;

test('no more than there are; the upload that came first is served first', async () => {
  const slots = new ConnectionSlots(2);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const use = (name: string, order: number) =>
    slots.use(order, never, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const all = [use('a', 5), use('b', 5), use('late', 9), use('second', 7), use('first', 1), use('first again', 1)];
  await settle();
  expect(started).toEqual(['a', 'b']);
  for (const name of ['a', 'b', 'first', 'first again', 'second', 'late']) {
    ends.get(name)?.();
    await settle();
  }
  await Promise.all(all);
  expect(started).toEqual(['a', 'b', 'first', 'first again', 'second', 'late']);
});

test('who is aborted while waiting leaves the queue, and a task that fails gives its slot back', async () => {
  const slots = new ConnectionSlots(1);
  let end = () => {};
  const holding = slots.use(
    1,
    never,
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const controller = new AbortController();
  const waiting = slots.use(1, controller.signal, async () => 'never');
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  const failing = slots.use(1, never, async () => {
    throw new Error('task');
  });
  end();
  await holding;
  await expect(failing).rejects.toThrow('task');
  expect(await slots.use(1, never, async () => 'free')).toBe('free');
  await expect(slots.use(1, controller.signal, async () => 'x')).rejects.toThrow('enough');
});
