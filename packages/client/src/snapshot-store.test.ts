import { expect, test } from 'vitest';
import { VirtualRuntime } from '../test/virtual-runtime.ts';
import { SnapshotStore } from './snapshot-store.ts';

test('commits at most ten times a second, the last change included, and keeps the identity in between', async () => {
  const runtime = new VirtualRuntime();
  let count = 0;
  const store = new SnapshotStore(runtime, () => ({ count }));
  const commits: number[] = [];
  store.subscribe(() => commits.push(store.value.count));
  for (let ms = 0; ms < 1_000; ms += 1) {
    count += 1;
    const before = store.value;
    store.touch();
    if (commits.at(-1) !== count) expect(store.value).toBe(before);
    await runtime.advance(1);
  }
  await runtime.advance(200);
  expect(commits.length).toBeGreaterThan(8);
  expect(commits.length).toBeLessThanOrEqual(10);
  expect(commits.at(-1)).toBe(1_000);
  expect(runtime.pendingTimers).toBe(0);
});

test('flush is at once and replaces what was scheduled', async () => {
  const runtime = new VirtualRuntime();
  let count = 0;
  const store = new SnapshotStore(runtime, () => ({ count }));
  let commits = 0;
  const unsubscribe = store.subscribe(() => {
    commits += 1;
  });
  count = 1;
  store.touch();
  store.flush();
  expect(store.value).toEqual({ count: 1 });
  expect([commits, runtime.pendingTimers]).toEqual([1, 0]);
  unsubscribe();
  store.flush();
  expect(commits).toBe(1);
});

test('a clock that was set back does not stop it', async () => {
  const runtime = new VirtualRuntime();
  let count = 0;
  const store = new SnapshotStore(runtime, () => ({ count }));
  runtime.setClock(-3_600_000);
  count = 1;
  store.touch();
  await runtime.advance(100);
  expect(store.value).toEqual({ count: 1 });
});
