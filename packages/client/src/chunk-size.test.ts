import { expect, test } from 'vitest';
import { ConnectionPace, chooseChunkSize } from './chunk-size.ts';

const MiB = 2 ** 20;

test('without a measurement the server chooses', () => {
  expect(chooseChunkSize(1e9, null)).toBeUndefined();
});

test('about 4 to 8 seconds a chunk, between 1 and 64 MiB', () => {
  expect(chooseChunkSize(1e9, MiB)).toBe(4 * MiB);
  expect(chooseChunkSize(1e9, 1_000)).toBe(MiB);
  expect(chooseChunkSize(1e9, 1e9)).toBe(64 * MiB);
  for (const rate of [3e5, 5e5, 1e6, 2e6, 5e6]) {
    const seconds = (chooseChunkSize(1e12, rate) ?? 0) / rate;
    expect(chooseChunkSize(1e9, rate)).toBeGreaterThanOrEqual(MiB);
    if (rate <= 5e6) expect(seconds).toBeGreaterThan(3);
  }
});

test('a huge file is cut into no more chunks than the server lists', () => {
  const size = 1e12;
  expect(size / (chooseChunkSize(size, 1_000) ?? 1)).toBeLessThanOrEqual(10_000);
});

test('the pace is that of one connection, smoothed; short last chunks do not count', () => {
  const pace = new ConnectionPace();
  expect(pace.bytesPerSecond).toBeNull();
  pace.observe(100, 1);
  expect(pace.bytesPerSecond).toBeNull();
  pace.observe(8 * MiB, 4_000);
  expect(pace.bytesPerSecond).toBe(2 * MiB);
  pace.observe(8 * MiB, 8_000);
  expect(pace.bytesPerSecond).toBeCloseTo(1.7 * MiB, 3);
});
