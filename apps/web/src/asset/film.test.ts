import { expect, it } from 'vitest';
import { readAnalytic } from './analytic.ts';
import { type Film, filmOf, keyStep, lanePath, placeAt, shotStep } from './film.ts';
import { readScreenText } from './screen-text.ts';
import { pictureWithin, readStoryboard } from './storyboard.ts';
import { readTranscript } from './transcript.ts';
import { readWaveform, waveformPath } from './waveform.ts';

const analytic = readAnalytic({
  decoded: { seconds: 10 },
  video: {
    shots: [
      { index: 1, start: 0, end: 4, keyframe: 'shot-0001.jpg', transition: null },
      { index: 2, start: 4, end: 10, keyframe: null, transition: { kind: 'fade', start: 3.5, end: 4.5 } },
    ],
    black: [{ start: 3.9, end: 4.1 }],
  },
  audio: { silences: [{ start: 8, end: 10 }] },
});
const artifact = (name: string) => ({
  ...{ step: 's', stepKey: 'k', contentType: '', size: 1, sha256: '' },
  name,
  url: `/v1/${name}`,
});
const vtt = `WEBVTT

00:00:00.000 --> 00:00:05.000
sheet.jpg#xywh=0,0,160,90

01:00:05.500 --> 01:00:09.000
sheet.jpg#xywh=160,0,160,90

00:00:07.000 --> 00:00:09.000
https://elsewhere/x.jpg#xywh=0,0,160,90
`;

function film(change: Partial<Parameters<typeof filmOf>[0]> = {}): Film {
  const none = { waveform: null, storyboard: null, transcript: null, screenText: null };
  const pictureUrls = new Map([['shot-0001.jpg', '/v1/shot']]);
  return filmOf({ declaredSeconds: 9, analytic, quickPictures: [], pictureUrls, ...none, ...change });
}

it('D6: shows the first pictures until the shots are known', () => {
  const quickPictures = [6, 1].map((time) => ({ time, url: `/q${time}` }));
  const early = film({ analytic: null, quickPictures });
  expect(early.durationSeconds).toBe(9);
  expect(early.strip).toEqual([
    { start: 0, end: 6, colour: null, pictureUrl: '/q1' },
    { start: 6, end: 9, colour: null, pictureUrl: '/q6' },
  ]);
  expect(film({ quickPictures }).strip.map(({ pictureUrl }) => pictureUrl)).toEqual(['/v1/shot', null]);
});

it('tells eight voices apart, in the order in which they begin', () => {
  const paragraphs = Array.from({ length: 8 }, (_, i) => ({
    speaker: `S${i + 1}`,
    sentences: [{ start: i, end: i + 1, text: 'Hello.' }],
  }));
  const { lanes } = film({ transcript: readTranscript({ engine: 'e' }, { paragraphs }) });
  const spoken = lanes.filter(({ kind }) => kind.startsWith('speech'));
  expect(spoken.map(({ words }) => words)).toEqual(paragraphs.map((_, i) => `Speaker ${i + 1}`));
  expect(new Set(spoken.map(({ kind }) => kind)).size).toBe(8);
});

it('says what is at a place', () => {
  const cleaned = { paragraphs: [{ speaker: 'S1', sentences: [{ start: 1, end: 3, text: 'Hello.' }] }] };
  const screenText = readScreenText({
    pictures: [
      { start: 4, end: 6, text: 'Tides\nand harbours', sameAs: null },
      { start: 6, end: 10, text: 'Tides\nand harbours', sameAs: 1 },
      { start: 0, end: 1, text: '', sameAs: null },
    ],
  });
  const whole = film({
    transcript: readTranscript({ engine: 'e' }, cleaned),
    screenText,
    storyboard: readStoryboard(vtt, [artifact('sheet.jpg')]),
  });
  expect(placeAt(whole, 2)).toMatchObject({ time: '0:02', facts: ['Shot 1 of 2'], said: 'Hello.', picture: { x: 0 } });
  expect(placeAt(whole, 4)).toMatchObject({
    facts: ['Shot 2 of 2', 'Fade', 'Black picture', '“Tides · and harbours”'],
    said: null,
  });
  expect(placeAt(whole, 3_606).picture).toMatchObject({ url: '/v1/sheet.jpg', start: 3_605.5, x: 160 });
  expect([4, 6].map((start) => pictureWithin(whole.storyboard, start, start + 3_602)?.x)).toEqual([160, 160]);
  expect(pictureWithin(whole.storyboard, 1, 2)?.x).toBe(0);
  expect(whole.lanes.map(({ words, row }) => `${row} ${words}`)).toEqual([
    '0 Speaker 1',
    '1 Silence',
    '2 Black picture',
    '1 Text in the picture',
  ]);
});

it('draws each stretch within the box, also the shortest and the one past the end', () => {
  const lane = {
    kind: 'silent',
    row: 1,
    words: '',
    spans: [
      { start: 9.99, end: 10 },
      { start: 0, end: 50 },
    ],
  } as const;
  expect(lanePath(lane, 10)).toBe('M997.5 1.14h2.5v0.72h-2.5zM0.0 1.14h1000.0v0.72h-1000.0z');
});

it('goes from shot to shot', () => {
  expect([0, 4, 9].map((at) => shotStep(film(), at, 1))).toEqual([4, 10, 10]);
  expect([4.2, 4.8, 0.2].map((at) => shotStep(film(), at, -1))).toEqual([0, 4, 0]);
  expect(shotStep(film({ analytic: null }), 0, 1)).toBeCloseTo(0.9);
  expect([20, 3_600].map(keyStep)).toEqual([1, 5]);
});

it('draws a waveform as loud as it gets, and as wide as it lasts', () => {
  const wave = readWaveform({
    version: 2,
    channels: 1,
    sample_rate: 8,
    samples_per_pixel: 8,
    bits: 8,
    data: [-64, 32, 0, 0],
  });
  expect(wave?.seconds).toBe(2);
  if (!wave) throw new Error('no waveform');
  expect(waveformPath(wave, { count: 100, durationSeconds: 4 })).toBe(
    'M0 0L12.5 -0.480L37.5 -0.012L50.0 0L37.5 0.012L12.5 0.960Z',
  );
  expect(
    waveformPath({ seconds: 4, points: new Float32Array(4_000) }, { count: 900, durationSeconds: 4 }),
  ).not.toContain('NaN');
});

it.each([null, {}, { data: [] }, { data: [1, 2], sample_rate: 0, samples_per_pixel: 4 }])(
  'has no waveform in %j',
  (json) => {
    expect(readWaveform(json)).toBeNull();
  },
);
