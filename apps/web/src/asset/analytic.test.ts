import { expect, it } from 'vitest';
import { peaks, readAnalytic, shotAt } from './analytic.ts';

const analytic = {
  kind: 'holdfast.analytic',
  schemaVersion: 1,
  media: {
    durationSeconds: 9.1,
    video: {
      codec: 'h264',
      width: 1080,
      height: 1920,
      rotation: 90,
      averageFrameRate: { numerator: 30_000, denominator: 1001 },
    },
    audio: { codec: 'aac', sampleRate: 44_100, channels: 2, language: 'und' },
  },
  decoded: { seconds: 9 },
  video: {
    shotSecondsMedian: 3.04,
    shots: [
      {
        index: 1,
        start: 0,
        end: 3,
        keyframe: 'shot-0001.jpg',
        dominantColour: { name: 'blue', hex: '#0000ff' },
        dark: true,
        static: false,
      },
      { index: 2, start: 3, end: 9, keyframe: null, dominantColour: { name: 'red', hex: 'red;}' }, static: true },
      { index: 3, start: 9, end: 9 },
    ],
    black: [{ start: 0, end: 0.5 }],
    frozen: null,
  },
  audio: {
    integratedLufs: -23.04,
    samplePeakDbfs: -1,
    silences: [{ start: 1, end: 2 }],
    silentSeconds: 65,
    loudness: { stepSeconds: 1, lufs: [-70, -60, -33, -6, 0, null] },
  },
  warnings: [{ code: 'decode-errors', message: 'Damaged.' }],
};

it('reads shots, passages and the loudness', () => {
  const read = readAnalytic(analytic);
  expect(read?.durationSeconds).toBe(9);
  expect(read?.shots).toEqual([
    {
      number: 1,
      start: 0,
      end: 3,
      keyframe: 'shot-0001.jpg',
      colour: '#0000ff',
      traits: ['blue', 'dark'],
      transition: null,
    },
    { number: 2, start: 3, end: 9, keyframe: null, colour: null, traits: ['red', 'still'], transition: null },
  ]);
  expect(read?.passages).toEqual([
    { kind: 'silent', start: 1, end: 2 },
    { kind: 'black', start: 0, end: 0.5 },
  ]);
  expect(read?.loudness).toEqual([0, 0, 0.5, 1, 1, 0]);
  expect(read?.warnings).toEqual(['Damaged.']);
});

it('says the facts as people say them', () => {
  const facts = Object.fromEntries(readAnalytic(analytic)?.facts.map(({ label, value }) => [label, value]) ?? []);
  expect(facts).toEqual({
    Picture: '1920 × 1080',
    'Frame rate': '29.97 fps',
    'Video codec': 'H.264',
    Shots: '3, median 3.0 s',
    Sound: 'AAC, 44.1 kHz, stereo',
    Loudness: '\u221223.0 LUFS',
    Peak: '\u22121.0 dBFS',
    Silence: '1:05',
  });
});

it('shows a picture with wide pixels as wide as it is seen', () => {
  const video = { ...analytic.media.video, width: 720, height: 576, rotation: 0 };
  const wide = { ...video, sampleAspect: { numerator: 64, denominator: 45 } };
  const pictures = [video, wide].map((stream) => readAnalytic({ ...analytic, media: { video: stream } })?.facts[0]);
  expect(pictures.map((fact) => fact?.value)).toEqual(['720 × 576', '1024 × 576']);
});

it.each([null, 7, 'text', [], {}, { video: 'x', media: 3 }])('is nothing for %j', (json) => {
  expect(readAnalytic(json)).toBeNull();
});

it('makes do with half an analysis', () => {
  expect(readAnalytic({ video: { shots: [{ start: 0, end: 4 }, 'x'] } })).toMatchObject({
    durationSeconds: 4,
    shots: [{ number: 1, traits: [] }],
    loudness: [],
  });
});

it('finds the shot at a time', () => {
  const shots = readAnalytic(analytic)?.shots ?? [];
  expect(shotAt(shots, 2.9)?.number).toBe(1);
  // Seeking to a cut lands a little before it in some browsers.
  expect(shotAt(shots, 2.995)?.number).toBe(2);
  expect(shotAt(shots, 100)?.number).toBe(2);
  expect(shotAt([], 1)).toBeNull();
});

it('keeps the loudest of each part', () => {
  expect(peaks([1, 2, 3, 4, 5], 2)).toEqual([2, 5]);
  expect(peaks([1, 2], 5)).toEqual([1, 2]);
});
