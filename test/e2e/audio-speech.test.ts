/**
 * What compression costs a recogniser: voices of flite through each preset in Chromium, decoded by ffmpeg, heard by pocketsphinx; and what it saves
 * against WAV and AAC (C15). AUDIO_SPEECH=full takes more, for the table of docs/audio.md.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { recognise, speak, type Voice, wordErrorRate } from 'holdfast/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompressionPreset } from '../../packages/client/src/audio/index.ts';
import { type AudioPage, ffmpeg, inPage, serveAudioPage, type Told } from './audio-page.ts';

const texts = [
  `If the test is positive, call the hospital and ask for the person on duty. Write down the name, the date and the time of the call. Most people
   feel better after two or three weeks, but some of them need more help than that.`,
  `The doctor asked the patient how long the pain had been there. She said that it began three days ago, after a long walk in the cold. He listened
   to her chest, took her hand, and told her to rest at home for a week and to drink a lot of water.`,
  `Good morning. Today we talk about the heart and how it moves blood through the body. The heart has four rooms. The two small rooms at the top take
   the blood in, and the two large rooms below send it out again. Every minute it beats about seventy times, and when you run it beats much faster.`,
];
const full = process.env['AUDIO_SPEECH'] === 'full';
const readings: readonly (readonly [text: number, voice: Voice])[] = full
  ? texts.flatMap((_, text) => (['slt', 'rms'] as const).map((voice) => [text, voice] as const))
  : [
      [0, 'slt'],
      [1, 'rms'],
    ];

interface Condition {
  readonly name: string;
  readonly preset: CompressionPreset | null;
  readonly options?: string;
}

const unfiltered = '{ filters: { bandPass: false, dynamics: false } }';
const conditions: readonly Condition[] = [
  { name: 'original', preset: null },
  { name: 'MEDICAL_HIGH_QUALITY', preset: 'MEDICAL_HIGH_QUALITY' },
  { name: 'MEDICAL_BALANCED', preset: 'MEDICAL_BALANCED' },
  { name: 'MOBILE_OPTIMIZED', preset: 'MOBILE_OPTIMIZED' },
  { name: 'SPEECH', preset: 'SPEECH' },
  ...(full
    ? ([
        { name: 'SPEECH, no filters', preset: 'SPEECH', options: unfiltered },
        { name: 'SPEECH, noise reduction', preset: 'SPEECH', options: '{ filters: { noiseReduction: true } }' },
      ] as const)
    : []),
];

let site: AudioPage;
let browser: Browser;
let page: Page;
const media = (name: string) => join(site.folder, name);

beforeAll(async () => {
  site = await serveAudioPage();
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  page = await browser.newPage();
  await page.goto(site.origin);
  await page.waitForFunction('window.ready');
});

afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

interface Score {
  words: number;
  errors: number;
  bytes: number;
}

const timeout = full ? 3_600_000 : 300_000;
test('recognition loses under 2 points at the high preset and under 3 at SPEECH (C15)', { timeout }, async () => {
  const scores = new Map<string, Score>(conditions.map(({ name }) => [name, { words: 0, errors: 0, bytes: 0 }]));
  const sizes = { wav: 0, aac: 0, seconds: 0 };
  const jobs: (() => Promise<void>)[] = [];
  for (const [text, voice] of readings) {
    const name = `${voice}-${text}`;
    const said = texts[text] ?? '';
    await speak({ text: said, voice, file: media(`${name}-16.wav`) });
    // What a recorder makes of it: 48 kHz, stereo.
    await ffmpeg('-i', media(`${name}-16.wav`), '-ar', '48000', '-ac', '2', media(`${name}.wav`));
    await ffmpeg('-i', media(`${name}.wav`), '-b:a', '256k', media(`${name}.m4a`));
    sizes.wav += (await stat(media(`${name}.wav`))).size;
    sizes.aac += (await stat(media(`${name}.m4a`))).size;
    for (const condition of conditions) {
      const { path, bytes } = await sound(name, condition);
      jobs.push(async () => {
        const { referenceWords, rate } = wordErrorRate(said, await recognise(path));
        const score = scores.get(condition.name);
        if (!score) return;
        score.words += referenceWords;
        score.errors += Math.round(rate * referenceWords);
        score.bytes += bytes;
      });
    }
  }
  await inTwos(jobs);
  const wer = (name: string) => (100 * (scores.get(name)?.errors ?? 0)) / (scores.get(name)?.words ?? 1);
  for (const [name, { words, errors, bytes }] of scores)
    console.log(
      `audio: ${name}: WER ${wer(name).toFixed(1)} % (${errors} of ${words} words), WAV / ${(sizes.wav / bytes).toFixed(1)}, AAC 256 / ${(sizes.aac / bytes).toFixed(1)}`,
    );
  expect(wer('original')).toBeLessThan(35);
  expect(wer('MEDICAL_HIGH_QUALITY') - wer('original')).toBeLessThan(2);
  expect(wer('SPEECH') - wer('original')).toBeLessThan(3);
  expect(sizes.wav / (scores.get('SPEECH')?.bytes ?? Infinity)).toBeGreaterThan(40);
});

/** The sound of one condition, as the recogniser wants it, and its size on the way. */
async function sound(name: string, { name: condition, preset, options = '{}' }: Condition) {
  if (preset === null) return { path: media(`${name}-16.wav`), bytes: (await stat(media(`${name}.wav`))).size };
  const call = `audio.compress(await fetchBlob('${name}.wav'), '${preset}', ${options})`;
  const told = await inPage<Told>(page, `return told(await ${call})`);
  expect(told.skipped).toBeNull();
  const path = media(`${name}-${condition.replace(/\W+/g, '-')}.wav`);
  await ffmpeg('-i', told.path, '-ac', '1', '-ar', '16000', path);
  return { path, bytes: told.bytes };
}

/** Two at a time: a recogniser keeps one core busy. */
async function inTwos(jobs: (() => Promise<void>)[]): Promise<void> {
  const next = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) await job();
  };
  await Promise.all([next(), next()]);
}
