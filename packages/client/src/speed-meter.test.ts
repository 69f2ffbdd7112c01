import { expect, test } from 'vitest';
import { SpeedMeter } from './speed-meter.ts';

/** So many bytes a second, sampled twice a second. */
function run(
  meter: SpeedMeter,
  { from, seconds, rate, left }: { from: number; seconds: number; rate: number; left: number },
): number {
  let remaining = left;
  for (let t = from + 500; t <= from + seconds * 1_000; t += 500) {
    meter.add(rate / 2);
    remaining -= rate / 2;
    meter.sample(t, remaining);
  }
  return remaining;
}

test('is hidden for two seconds, then right from the start', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  run(meter, { from: 0, seconds: 1.5, rate: 1_000, left: 20_000 });
  expect(meter.bytesPerSecond(1_500)).toBeNull();
  expect(meter.etaSeconds(1_500)).toBeNull();
  run(meter, { from: 1_500, seconds: 1, rate: 1_000, left: 18_500 });
  expect(meter.bytesPerSecond(2_500)).toBeCloseTo(1_000, 5);
  expect(meter.etaSeconds(2_500)).toBeCloseTo(17.5, 1);
});

test('follows a change by half in its half-life', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  run(meter, { from: 0, seconds: 60, rate: 1_000, left: 1e6 });
  run(meter, { from: 60_000, seconds: 3, rate: 3_000, left: 1e6 });
  expect(meter.bytesPerSecond(63_000)).toBeCloseTo(2_000, -1);
});

test('the remaining time counts down without jumping when the speed wavers', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  let left = run(meter, { from: 0, seconds: 10, rate: 1_000, left: 100_000 });
  let before = meter.etaSeconds(10_000) ?? 0;
  for (let second = 10; second < 60; second += 1) {
    left = run(meter, { from: second * 1_000, seconds: 1, rate: second % 2 === 0 ? 500 : 1_500, left });
    const eta = meter.etaSeconds((second + 1) * 1_000) ?? 0;
    expect(Math.abs(eta - (before - 1))).toBeLessThan(6);
    before = eta;
  }
});

test('begins anew after a pause, and says nothing while stopped', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  run(meter, { from: 0, seconds: 10, rate: 1_000, left: 100_000 });
  meter.stop();
  expect(meter.bytesPerSecond(11_000)).toBeNull();
  meter.restart(100_000);
  expect(meter.bytesPerSecond(101_000)).toBeNull();
  run(meter, { from: 100_000, seconds: 3, rate: 10, left: 100 });
  expect(meter.bytesPerSecond(103_000)).toBeCloseTo(10, 5);
});

test('a standstill shows as a falling speed and no remaining time in the end', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  run(meter, { from: 0, seconds: 10, rate: 1_000, left: 100_000 });
  run(meter, { from: 10_000, seconds: 60, rate: 0, left: 90_000 });
  expect(meter.bytesPerSecond(70_000)).toBeLessThan(1);
  expect(meter.etaSeconds(70_000)).toBeNull();
});

test('the remaining time is right again soon after a standstill', () => {
  const meter = new SpeedMeter();
  meter.restart(0);
  run(meter, { from: 0, seconds: 10, rate: 1_000, left: 100_000 });
  run(meter, { from: 10_000, seconds: 20, rate: 0, left: 90_000 });
  const left = run(meter, { from: 30_000, seconds: 10, rate: 1_000, left: 90_000 });
  expect(meter.etaSeconds(40_000)).toBeGreaterThan(left / 1_000);
  expect(meter.etaSeconds(40_000)).toBeLessThan((2 * left) / 1_000);
});

test('a clock that was set back costs two seconds of it', () => {
  const meter = new SpeedMeter();
  meter.restart(10_000_000);
  for (let now = 0; now <= 4_000; now += 500) {
    meter.add(500_000);
    meter.sample(now, 1_000_000);
  }
  expect(meter.bytesPerSecond(4_000)).toBeCloseTo(1_000_000, -5);
});
