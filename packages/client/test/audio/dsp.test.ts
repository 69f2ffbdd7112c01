/** The chain that speech goes through, against reference signals (C15). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { highPass, lowPass } from '../../src/audio/dsp/biquad.ts';
import { compressor } from '../../src/audio/dsp/compressor.ts';
import { downmixWeights, mixInto } from '../../src/audio/dsp/downmix.ts';
import { fourier } from '../../src/audio/dsp/fourier.ts';
import { preEmphasis } from '../../src/audio/dsp/pre-emphasis.ts';
import { resampler } from '../../src/audio/dsp/resampler.ts';
import { spectralGate } from '../../src/audio/dsp/spectral-gate.ts';
import { joined, type Stage } from '../../src/audio/dsp/stage.ts';
import { adaptiveVoiceChain, voiceChain } from '../../src/audio/dsp/voice-chain.ts';
import { decibels, middle, noise, rms, run, runInBlocks, strayDb, tone } from './signals.ts';

const rates = [8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 88_200, 96_000, 44_099];

describe('the resampler (C15)', () => {
  test('takes out what 16 kHz cannot carry by more than 90 dB instead of folding it back', () => {
    for (const rate of [22_050, 44_100, 48_000, 96_000]) {
      for (const frequency of [8100, 9000, 10_500, 12_000, 16_500, 20_000].filter((f) => f < rate / 2)) {
        const residue = decibels(rms(middle(run(resampler(rate, 16_000), tone(frequency, rate, 1, 1)))) * Math.SQRT2);
        expect(residue, `${frequency} Hz at ${rate} Hz`).toBeLessThan(-90);
      }
    }
  });

  test.each(rates)('passes the band unchanged and adds no tones of its own, from %i Hz', (rate) => {
    const edge = 0.92 * Math.min(rate / 2, 8000);
    for (const frequency of [50, 300, 1000, 3400, 5000, 7000, edge].filter((f) => f <= edge)) {
      const output = run(resampler(rate, 16_000), tone(frequency, rate, 1.5));
      expect(Math.abs(decibels(rms(middle(output)) / (0.5 * Math.SQRT1_2))), `${frequency} Hz`).toBeLessThan(0.02);
      expect(strayDb(output, frequency, 16_000), `beside ${frequency} Hz`).toBeLessThan(-85);
    }
  });

  test.each(rates)('delays nothing, from %i Hz', (rate) => {
    const output = run(resampler(rate, 16_000), tone(440, rate, 0.5));
    const wanted = tone(440, 16_000, 0.5);
    for (const n of [2000, 3001, 5555]) expect(output[n]).toBeCloseTo(wanted[n] ?? 0, 3);
  });

  test('gives exactly ceil(N · 16,000 / rate) samples, also of very short input', () => {
    for (const rate of rates.slice(0, -1)) {
      for (const length of [0, 1, 2, 7, 100, 1023, 44_100]) {
        expect(run(resampler(rate, 16_000), new Float32Array(length)).length).toBe(Math.ceil((length * 16_000) / rate));
      }
    }
  });

  test('loses no tail: an impulse as the last sample arrives with all of its weight', () => {
    for (const rate of [8000, 44_100, 48_000]) {
      const input = new Float32Array(rate / 10);
      input[input.length - 1] = 1;
      const output = run(resampler(rate, 16_000), input);
      expect(Math.max(...output.subarray(-3).map(Math.abs))).toBeGreaterThan(rate > 16_000 ? 0.1 : 0.8);
    }
  });

  test('passes a constant without ripple', () => {
    for (const x of middle(run(resampler(44_100, 16_000), new Float32Array(44_100).fill(0.25))))
      expect(x).toBeCloseTo(0.25, 6);
  });

  test('is linear', () => {
    const a = noise(8000);
    const b = tone(1234, 44_100, 8000 / 44_100);
    const sum = run(
      resampler(44_100, 16_000),
      a.map((x, i) => 0.3 * x - 0.7 * (b[i] ?? 0)),
    );
    const [ra, rb] = [run(resampler(44_100, 16_000), a), run(resampler(44_100, 16_000), b)];
    sum.forEach((x, i) => {
      expect(x).toBeCloseTo(0.3 * (ra[i] ?? 0) - 0.7 * (rb[i] ?? 0), 5);
    });
  });

  test('refuses rates that are none', () => {
    for (const rate of [0, -1, Number.NaN]) expect(() => resampler(rate, 16_000)).toThrow(RangeError);
  });
});

describe('blocks', () => {
  const stages: Readonly<Record<string, () => Stage>> = {
    'resampler 44.1 kHz': () => resampler(44_100, 16_000),
    'resampler 8 kHz': () => resampler(8000, 16_000),
    'high-pass': () => highPass(80, 16_000),
    compressor: () => compressor(16_000),
    'spectral gate': () => spectralGate(),
    'whole chain': () => voiceChain(48_000, { preEmphasis: 0.3, noiseReduction: true }),
  };

  test.each(Object.keys(stages))(
    'leave no trace: any cut of the input gives the same output bit for bit (%s)',
    (name) => {
      const input = noise(6000);
      const make = stages[name] ?? stages['compressor'];
      if (!make) return;
      const whole = run(make(), input);
      fc.assert(
        fc.property(fc.array(fc.nat(6000), { maxLength: 30 }), (cuts) => {
          expect(runInBlocks(make(), input, cuts)).toEqual(whole);
        }),
        { numRuns: 25 },
      );
    },
  );

  test('a change of the sample rate on the way keeps every second', () => {
    const chain = adaptiveVoiceChain({});
    const parts = [chain.process(tone(440, 44_100, 1), 44_100), chain.process(tone(440, 8000, 1), 8000), chain.flush()];
    expect(joined(parts).length).toBe(32_000);
  });
});

describe('filters', () => {
  const gainDb = (stage: Stage, frequency: number) =>
    decibels(rms(middle(run(stage, tone(frequency, 16_000, 2)))) / (0.5 * Math.SQRT1_2));

  test('the band is 80 Hz – 7.6 kHz with Butterworth edges', () => {
    const response = (hz: number) => gainDb(voiceChain(16_000, { dynamics: false }), hz);
    expect(response(80)).toBeCloseTo(-3.01, 1);
    expect(response(7600)).toBeCloseTo(-3.01, 1);
    expect(response(40)).toBeCloseTo(-12.3, 0);
    expect(response(20)).toBeLessThan(-23);
    for (const hz of [200, 500, 1000, 3000, 5000]) expect(Math.abs(response(hz)), `${hz} Hz`).toBeLessThan(0.2);
    expect(gainDb(lowPass(4000, 16_000), 4000)).toBeCloseTo(-3.01, 1);
  });

  test('filters that the rate cannot carry are refused', () => {
    expect(() => highPass(80, 100)).toThrow(RangeError);
    expect(() => lowPass(8000, 16_000)).toThrow(RangeError);
  });

  test('an offset of the microphone is taken out', () => {
    expect(rms(middle(run(voiceChain(16_000), new Float32Array(32_000).fill(0.3))))).toBeLessThan(1e-6);
  });

  test('the compressor does not touch what is below −24 dBFS and halves what is far above', () => {
    const quiet = tone(300, 16_000, 1, 0.08);
    expect(run(compressor(16_000), quiet)).toEqual(quiet);
    expect(gainDb(compressor(16_000), 300)).toBeLessThan(-3);
    expect(gainDb(compressor(16_000), 300)).toBeGreaterThan(-6);
    const loud = (amplitude: number) => decibels(rms(middle(run(compressor(16_000), tone(300, 16_000, 2, amplitude)))));
    expect(loud(1) - loud(0.708)).toBeGreaterThan(1.2);
    expect(loud(1) - loud(0.708)).toBeLessThan(1.8);
    expect(() => compressor(16_000, { thresholdDb: -18, ratio: 4, kneeDb: 6, attackMs: 10, releaseMs: 100 })).toThrow(
      RangeError,
    );
  });

  test('pre-emphasis is the difference that it says it is', () => {
    expect([...run(preEmphasis(0.5), Float32Array.of(1, 1, 0))]).toEqual([1, 0.5, -0.5]);
    expect(() => preEmphasis(1)).toThrow(RangeError);
  });
});

describe('noise reduction', () => {
  test('keeps the length, and turns steady noise down while bursts of sound stay', () => {
    const hiss = noise(5 * 16_000, 0.02);
    const speech = tone(700, 16_000, 5).map((x, i) => (Math.floor(i / 4000) % 3 === 2 ? x : 0));
    const input = hiss.map((x, i) => x + (speech[i] ?? 0));
    const output = run(spectralGate(), input);
    expect(output.length).toBe(input.length);
    // Pauses and bursts of the last two seconds; the middle of each, away from its edges.
    const part = (samples: Float32Array, third: number) =>
      samples.subarray((12 * 4 + third) * 1000 + 12_000 + 1000, (12 * 4 + third) * 1000 + 12_000 + 3000);
    const pause = { before: rms(part(input, 4)), after: rms(part(output, 4)) };
    const burst = { before: rms(part(input, 8)), after: rms(part(output, 8)) };
    expect(decibels(pause.after / pause.before)).toBeLessThan(-8);
    expect(Math.abs(decibels(burst.after / burst.before))).toBeLessThan(1);
  });

  test('digital silence stays silence, and the transform undoes itself', () => {
    expect(rms(run(spectralGate(), new Float32Array(5000)))).toBe(0);
    const re = Float64Array.from(noise(64));
    const im = new Float64Array(64);
    const before = re.slice();
    const { forward, inverse } = fourier(64);
    forward(re, im);
    inverse(re, im);
    re.forEach((x, i) => {
      expect(x).toBeCloseTo(before[i] ?? 0, 12);
    });
    expect(() => fourier(100)).toThrow(RangeError);
  });
});

describe('channels', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 12])('%i channels become one that cannot clip', (channels) => {
    const weights = downmixWeights(channels);
    expect(weights).toHaveLength(channels);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  test('of 5.1 the centre counts most, the bass channel not at all; stereo is averaged', () => {
    const weights = downmixWeights(6);
    expect(Math.max(...weights)).toBe(weights[2]);
    expect(weights[3]).toBe(0);
    const mix = new Float32Array(2);
    mixInto(mix, Float32Array.of(1, 0), downmixWeights(2)[0] ?? 0);
    mixInto(mix, Float32Array.of(0, 1), downmixWeights(2)[1] ?? 0);
    expect([...mix]).toEqual([0.5, 0.5]);
  });
});
