import { describe, expect, it } from 'vitest';
import { scanParams } from '../steps/scan-video.ts';
import { CutDetector, type MeasuredFrame } from './cut-detector.ts';
import { column, echoFrames, FrameMeasurer, frameBytes, rowLength } from './frame-metrics.ts';
import { evenly, KeyframePicker } from './keyframe-picker.ts';

const rules = scanParams;

/** Real measurements of plain frames, each given as [red, green, blue]. */
function measure(colours: readonly (readonly number[])[], fps = 25): MeasuredFrame[] {
  const measurer = new FrameMeasurer();
  return colours.map((colour, i) => {
    const frame = new Uint8Array(frameBytes);
    for (let at = 0; at < frameBytes; at += 1) frame[at] = colour[at % 3] ?? 0;
    const row = new Float32Array(rowLength);
    measurer.measure(frame, row);
    return { time: i / fps, score: row[column.score] ?? 0, echoes: row.subarray(column.echo, column.paths) };
  });
}

function cutsIn(frames: readonly MeasuredFrame[]): number[] {
  const detector = new CutDetector(rules);
  const settled = [...frames.flatMap((frame) => detector.push(frame)), ...detector.end()];
  expect(settled.map(({ frame }) => frame)).toEqual(frames);
  return settled.flatMap(({ cut }, i) => (cut ? [i] : []));
}

const red = [200, 20, 20];
const blue = [20, 20, 200];
const white = [255, 255, 255];
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('CutDetector', () => {
  it('finds a hard cut at the first frame of the new shot', () => {
    expect(cutsIn(measure([...times(30, red), ...times(30, blue)]))).toEqual([30]);
  });

  it('finds nothing in a still picture, in one frame and in none', () => {
    expect(cutsIn(measure(times(50, red)))).toEqual([]);
    expect(cutsIn(measure([red]))).toEqual([]);
    expect(cutsIn([])).toEqual([]);
  });

  it.each([1, 2, 4, 6])('takes a flash of %i frames for none', (length) => {
    expect(cutsIn(measure([...times(30, red), ...times(length, white), ...times(30, red)]))).toEqual([]);
  });

  it('takes a change that stays away longer for a shot', () => {
    expect(cutsIn(measure([...times(30, red), ...times(20, white), ...times(30, red)]))).toEqual([30, 50]);
  });

  it('takes a slow fade for none', () => {
    const fade = Array.from({ length: 40 }, (_, i) => red.map((value) => value * (1 - i / 40)));
    expect(cutsIn(measure([...times(30, red), ...fade, ...times(30, [0, 0, 0])]))).toEqual([]);
  });

  it('finds a cut under noise that changes every pixel of every frame', () => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    const measurer = new FrameMeasurer();
    const frames = Array.from({ length: 60 }, (_, i): MeasuredFrame => {
      const base = i < 30 ? 100 : 112;
      const frame = Uint8Array.from({ length: frameBytes }, () => base + Math.floor(random() * 80));
      const row = new Float32Array(rowLength);
      measurer.measure(frame, row);
      return { time: i / 25, score: row[column.score] ?? 0, echoes: row.subarray(column.echo, column.paths) };
    });
    expect((frames[30]?.score ?? 0) / (frames[20]?.score ?? 1)).toBeLessThan(2);
    expect(cutsIn(frames)).toEqual([30]);
  });

  it('keeps to the shortest shot, by time and not by frames', () => {
    const colours = [...times(20, red), ...times(10, blue), ...times(20, [20, 200, 20])];
    expect(cutsIn(measure(colours))).toEqual([20]);
    expect(cutsIn(measure(colours, 10))).toEqual([20, 30]);
  });

  it('finds a cut among the first and the last frames', () => {
    expect(cutsIn(measure([...times(16, red), ...times(2, blue)]))).toEqual([16]);
  });
});

describe('FrameMeasurer', () => {
  it('compares with as many frames back as there were', () => {
    const [first, second] = measure([red, blue]);
    expect([...Array.from(first?.echoes ?? [])]).toEqual(times(echoFrames, -1));
    expect(second?.echoes[0]).toBeCloseTo(120, 0);
    expect(second?.echoes[1]).toBe(-1);
  });
});

describe('KeyframePicker', () => {
  const jpeg = Buffer.alloc(1);

  it('picks the picture nearest to the middle once the pictures passed the end', () => {
    const picked: [number, number][] = [];
    const picker = new KeyframePicker((index, { time }) => picked.push([index, time]));
    picker.shotEnded({ index: 1, start: 0, end: 2 });
    for (let time = 0; time < 1.9; time += 0.4) picker.add({ time, jpeg });
    expect(picked).toEqual([]);
    picker.add({ time: 2, jpeg });
    expect(picked).toEqual([[1, 0.8]]);
    picker.shotEnded({ index: 2, start: 2, end: 2.3 });
    picker.end();
    expect(picked[1]).toEqual([2, 2]);
  });

  it('stays near the middle of a shot of two hours with bounded memory', () => {
    const picked: number[] = [];
    const picker = new KeyframePicker((_, { time }) => picked.push(time));
    for (let time = 0; time < 7200; time += 0.4) {
      picker.settled(time - 1);
      picker.add({ time, jpeg });
    }
    picker.shotEnded({ index: 1, start: 0, end: 7200 });
    picker.end();
    expect(Math.abs((picked[0] ?? 0) - 3600)).toBeLessThan(300);
  });

  it('spreads what may stay evenly', () => {
    expect([...evenly(10, 3)]).toEqual([1, 5, 8]);
    expect(evenly(3, 10).size).toBe(3);
    expect(evenly(5000, 200).size).toBe(200);
  });
});
