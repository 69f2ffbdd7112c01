import { describe, expect, test } from 'vitest';
import { choosePreset, filenameFor, reportOf } from './compression.ts';

describe('which preset a quality stands for', () => {
  const wavPerSecond = 192_000;
  const wav = (seconds: number) => ({ size: seconds * wavPerSecond, type: 'audio/wav', duration: seconds });

  test.each([
    ['low', 'SPEECH'],
    ['medium', 'MOBILE_OPTIMIZED'],
    ['high', 'MEDICAL_HIGH_QUALITY'],
  ] as const)('C13 %s is %s, whatever it is', (quality, preset) => {
    expect(choosePreset(quality, wav(1))).toBe(preset);
    expect(choosePreset(quality, { size: 10, type: '', duration: undefined })).toBe(preset);
  });

  test.each([
    ['ten minutes of WAV', wav(600), 'MOBILE_OPTIMIZED'],
    ['thirty minutes of WAV', wav(1_800), 'MOBILE_OPTIMIZED'],
    ['an hour of WAV', wav(3_600), 'SPEECH'],
    ['five hours of WAV: too long for any', wav(18_000), 'SPEECH'],
    ['an hour of AAC at 128 kbit/s', { size: 57_600_000, type: 'audio/mp4', duration: 3_600 }, 'SPEECH'],
    ['speech that is Opus at 24 kbit/s already', { size: 1_800_000, type: 'audio/webm', duration: 600 }, null],
    ['a WAV of unknown length', { size: 700_000_000, type: 'audio/x-wav', duration: undefined }, 'SPEECH'],
    ['a file of unknown length and type', { size: 5_000_000, type: '', duration: undefined }, 'MOBILE_OPTIMIZED'],
    ['nothing', { size: 0, type: 'audio/wav', duration: 0 }, null],
  ] as const)('C13 auto for %s', (_what, audio, preset) => {
    expect(choosePreset('auto', audio)).toBe(preset);
  });
});

test('C13 what was saved, and the name that goes with it', () => {
  const original = new Blob(['x'.repeat(100)], { type: 'audio/wav' });
  const smaller = new Blob(['x'.repeat(25)], { type: 'audio/webm;codecs=opus' });
  expect(reportOf(original, { blob: smaller, skipped: null, bitrate: 32_000 })).toMatchObject({ saved: 0.75 });
  expect(
    reportOf(original, { blob: original, skipped: { reason: 'cannot-encode', message: '' }, bitrate: null }).saved,
  ).toBe(0);
  expect(filenameFor('class 3.1 intro.wav', original, smaller)).toBe('class 3.1 intro.webm');
  expect(filenameFor('class', original, smaller)).toBe('class.webm');
  expect(filenameFor('class.wav', original, original)).toBe('class.wav');
});
