/** Sizes before anything is encoded, the file that is written, and the place of sounds in time (C15). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asrImpact } from '../../src/audio/asr-impact.ts';
import { planFor } from '../../src/audio/goal-plan.ts';
import { bitrateMax, bitrateMin } from '../../src/audio/presets.ts';
import { planForTarget, plannedBytes, targetBytesMin } from '../../src/audio/size-plan.ts';
import { SkipError } from '../../src/audio/skipped.ts';
import { elementSize } from '../../src/audio/worker/ebml.ts';
import { Timeline } from '../../src/audio/worker/timeline.ts';
import { WebmWriter } from '../../src/audio/worker/webm-writer.ts';

const preSkip = 312;

/** A file of frames as a constant bitrate makes them. */
async function written(bitrate: number, seconds: number, frameMs: number): Promise<Uint8Array> {
  const writer = new WebmWriter(frameMs);
  const frames = Math.ceil(((seconds + preSkip / 48_000) * 1000) / frameMs);
  for (let i = 0; i < frames; i++) writer.add(new Uint8Array(Math.floor((bitrate * frameMs) / 8000)));
  return writer.finish({ opusHead: new Uint8Array(19), preSkip, seconds }).bytes();
}

describe('target sizes', () => {
  test('a plan stays within its target and uses at least 97 % of it, for any target and duration', async () => {
    const targets = fc.tuple(
      fc.double({ min: 1, max: 600, noNaN: true }),
      fc.double({ min: 2100, max: 15_000, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(targets, fc.boolean(), async ([seconds, bytesPerSecond], longFrames) => {
        const target = Math.floor(seconds * bytesPerSecond + 500);
        const plan = planForTarget(target, seconds, longFrames);
        if (!plan) {
          expect(target).toBeLessThan(targetBytesMin(seconds, longFrames));
          return;
        }
        expect(plan.bitrate).toBeGreaterThanOrEqual(bitrateMin);
        expect(plan.bitrate).toBeLessThanOrEqual(bitrateMax);
        const { length } = await written(plan.bitrate, seconds, plan.frameMs);
        expect(length).toBeLessThanOrEqual(target);
        if (plan.bitrate < bitrateMax) expect(length / target).toBeGreaterThan(0.97);
      }),
      { numRuns: 60 },
    );
  });

  test('the least target can be met, and half of it cannot', () => {
    for (const seconds of [0.3, 5, 61.7, 3600, 86_400])
      for (const longFrames of [true, false]) {
        const least = targetBytesMin(seconds, longFrames);
        expect(planForTarget(least, seconds, longFrames)).not.toBeNull();
        expect(planForTarget(least / 2, seconds, longFrames)).toBeNull();
      }
  });

  test('an hour of 690 MB to 20 MB leaves 43 kbit/s for Opus', () => {
    const source = {
      durationSeconds: 3600,
      sampleRate: 48_000,
      channels: 2,
      codec: 'pcm-s16',
      audioTracks: 1,
      hasVideo: false,
    };
    const hour = { size: 691_200_044 } as Blob;
    expect(planFor({ targetBytes: 20_000_000 }, hour, source, true).bitrate / 1000).toBeCloseTo(43.4, 0);
    expect(planFor({ bitrate: 32_000 }, hour, source, true)).toMatchObject({ bitrateMode: 'variable', frameMs: 60 });
    expect(() => planFor({ targetBytes: 1_000_000 }, hour, source, true)).toThrow(SkipError);
    expect(() => planFor({ bitrate: 32_000 }, { size: 14_000_000 } as Blob, source, true)).toThrow(
      /not make it smaller/,
    );
  });
});

describe('the WebM file', () => {
  test('is as large as planned, and names what is to be left out at its ends', async () => {
    const bytes = await written(32_000, 12.345, 60);
    expect(Math.abs(bytes.length - plannedBytes(32_000, 12.345, 60))).toBeLessThan(60);
    const hex = Buffer.from(bytes).toString('hex');
    // CodecDelay: 6.5 ms; SeekPreRoll: 80 ms; DiscardPadding: what 206 frames of 60 ms have more than 12.3515 s.
    expect(hex).toContain(`56aa84${(6_500_000).toString(16).padStart(8, '0')}`);
    expect(hex).toContain(`56bb84${(80_000_000).toString(16).padStart(8, '0')}`);
    expect(hex).toContain(`75a284${(206 * 60_000_000 - 12_351_500_000).toString(16).padStart(8, '0')}`);
  });

  test('drops frames that lie wholly behind the end, also where a cluster begins with one', async () => {
    for (const extra of [1, 2]) {
      const writer = new WebmWriter(60);
      for (let i = 0; i < 83 + extra; i++) writer.add(new Uint8Array(10).fill(i));
      const seconds = 83 * 0.06 - preSkip / 48_000;
      const hex = Buffer.from(await writer.finish({ opusHead: new Uint8Array(19), preSkip, seconds }).bytes()).toString(
        'hex',
      );
      expect(hex.split('1f43b675')).toHaveLength(2);
      expect(hex).toContain('52'.repeat(10));
      expect(hex).not.toContain('53'.repeat(10));
      expect(hex).toContain('75a28400000000');
    }
  });

  test('a length that does not fit is refused', () => {
    expect([...elementSize(300, 2)]).toEqual([0x41, 0x2c]);
    expect(() => elementSize(16_383, 2)).toThrow(RangeError);
  });
});

describe('the timeline', () => {
  test('fills gaps with silence, leaves out what overlaps and what is before the beginning, and forgives rounding', () => {
    const timeline = new Timeline();
    expect(timeline.place(-0.5, 8000, 16_000)).toEqual({ silence: 0, skip: 8000 });
    expect(timeline.place(-0.25, 8000, 16_000)).toEqual({ silence: 0, skip: 4000 });
    expect(timeline.place(0.27, 16_000, 16_000)).toEqual({ silence: 0, skip: 0 });
    expect(timeline.place(2.25, 16_000, 16_000)).toEqual({ silence: 16_000, skip: 0 });
    expect(timeline.place(3, 16_000, 16_000)).toEqual({ silence: 0, skip: 4000 });
    expect(timeline.seconds).toBeCloseTo(4, 9);
    expect(timeline.place(Number.NaN, 1600, 16_000)).toEqual({ silence: 0, skip: 0 });
  });

  test('what the last packet is filled up with is taken off; an end that cannot be takes nothing', () => {
    const timeline = new Timeline();
    timeline.place(0, 48_000, 48_000);
    expect(timeline.takeOffEnd(0.99, 1024, 48_000)).toBe(480);
    expect(timeline.seconds).toBeCloseTo(0.99, 9);
    expect(timeline.takeOffEnd(0.5, 1024, 48_000)).toBe(0);
    expect(timeline.takeOffEnd(2, 1024, 48_000)).toBe(0);
  });

  test('sound that begins late is as late in the result', () => {
    expect(new Timeline().place(0.02, 100, 48_000)).toEqual({ silence: 960, skip: 0 });
  });
});

describe('the estimate of what recognition loses', () => {
  const facts = { filters: {}, sampleRate: 48_000, lossyBitrate: null };

  test('grows as the bitrate falls, and with what harms recognisers', () => {
    const highs = [128_000, 64_000, 32_000, 24_000, 16_000, 8000].map(
      (bitrate) => asrImpact({ ...facts, bitrate }).relativeWerIncrease[1],
    );
    expect(highs).toEqual(highs.toSorted((a, b) => a - b));
    const plain = asrImpact({ ...facts, bitrate: 32_000 });
    const denoised = asrImpact({ ...facts, bitrate: 32_000, filters: { noiseReduction: true } });
    expect(denoised.relativeWerIncrease[1]).toBeGreaterThan(plain.relativeWerIncrease[1]);
    expect(denoised.basis).toContain('noise reduction');
    expect(asrImpact({ ...facts, bitrate: 32_000, lossyBitrate: 48_000 }).basis).toContain('encoded twice');
    expect(asrImpact({ ...facts, bitrate: 32_000, sampleRate: 8000 }).basis).toContain('8000 Hz');
  });
});
