/** Audio compression in real Chromium, with the files that are published; every result is decoded by ffmpeg (C15, C16). */
import { copyFile, mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CompressionEstimate, CompressionPreset, SkipReason } from '../../packages/client/src/audio/index.ts';
import {
  type AudioPage,
  decodedFacts,
  ffmpeg,
  inPage,
  pcm,
  rendererMemory,
  serveAudioPage,
  type Told,
} from './audio-page.ts';
import { mainThreadTasks } from './page-tasks.ts';

const seconds = 6.345;
const longSeconds = 120;
/** As ffmpeg makes them of the same sound. */
const formats: Readonly<Record<string, readonly string[]>> = {
  'sound.wav': [],
  'cd.wav': ['-ar', '44100', '-c:a', 'pcm_s24le'],
  'telephone.wav': ['-ar', '8000', '-ac', '1', '-c:a', 'pcm_alaw'],
  'surround.wav': ['-ac', '6', '-ar', '96000'],
  'sound.mp3': ['-b:a', '192k'],
  'sound.m4a': ['-b:a', '192k'],
  'sound.aac': ['-b:a', '192k'],
  'sound.flac': [],
  'sound.ogg': ['-c:a', 'libvorbis'],
  'sound.opus': ['-b:a', '96k'],
  'sound.webm': ['-c:a', 'libopus', '-b:a', '96k'],
  'film.mov': ['-c:a', 'pcm_s16le'],
  'film.mkv': ['-c:a', 'flac'],
  'film.mp4': ['-c:a', 'aac', '-f', 'mp4'],
};

let site: AudioPage;
let browser: Browser;
let page: Page;
const problems: string[] = [];
const media = (name: string) => join(site.folder, name);

beforeAll(async () => {
  site = await serveAudioPage();
  // Words of noise with pauses: what is early, late, lost or cut shows when it is laid over the original.
  const words = 'mod(floor(t*7)*floor(t*7+3),5)/5';
  const sound = `anoisesrc=d=${seconds}:a=0.4:r=48000:c=pink:seed=7,volume='${words}':eval=frame`;
  await ffmpeg('-f', 'lavfi', '-i', sound, '-ac', '2', media('sound.wav'));
  const picture = ['-f', 'lavfi', '-i', `testsrc2=s=160x120:r=5:d=${seconds}`];
  for (const [name, args] of Object.entries(formats).slice(1)) {
    const film = name.startsWith('film') ? [...picture, '-map', '1:v', '-map', '0:a', '-c:v', 'libx264'] : [];
    await ffmpeg('-i', media('sound.wav'), ...film, ...args, media(name));
  }
  await ffmpeg('-f', 'lavfi', '-i', `anoisesrc=d=${longSeconds}:a=0.3:r=48000:seed=1`, '-ac', '2', media('long.wav'));
  browser = await launch();
  page = await openPage(site.origin);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

function launch(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP plain.test 127.0.0.1'];
  return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args });
}

async function openPage(url: string, where = browser): Promise<Page> {
  const opened = await where.newPage();
  opened.on('pageerror', (error) => problems.push(error.message));
  await opened.goto(url);
  await opened.waitForFunction('window.ready');
  return opened;
}

const compress = (name: string, preset: CompressionPreset, options = '{}') =>
  inPage<Told>(page, `return told(await audio.compress(await fetchBlob('${name}'), '${preset}', ${options}))`);

describe('formats and presets (C15)', () => {
  const speech = Object.keys(formats).map((name) => [name, 'SPEECH', 32_000] as const);
  const others = [
    ['sound.wav', 'MEDICAL_HIGH_QUALITY', 128_000],
    ['sound.wav', 'MEDICAL_BALANCED', 96_000],
    ['sound.wav', 'MOBILE_OPTIMIZED', 64_000],
  ] as const;

  test.each([...speech, ...others])(
    '%s by %s: Opus in WebM, 16 kHz mono, as long as the original',
    async (name, preset, bitrate) => {
      const told = await compress(name, preset);
      expect(told).toMatchObject({ skipped: null, warnings: [], type: 'audio/webm;codecs=opus' });
      const { streams, format, headerSeconds, samples } = await decodedFacts(told.path);
      expect(format.format_name).toContain('webm');
      expect(streams).toHaveLength(1);
      expect(streams[0]).toMatchObject({ codec_name: 'opus', channels: 1 });
      const original = await pcm(media(name));
      const exact = samples.length / 16_000;
      expect(Math.abs(exact - original.length / 16_000)).toBeLessThan(0.05);
      expect(Math.abs(exact - headerSeconds)).toBeLessThan(0.001);
      expect(Math.abs(exact - (told.durationSeconds ?? 0))).toBeLessThan(0.001);
      expect(Math.abs(lagMs(original, samples))).toBeLessThanOrEqual(
        name.endsWith('mp3') || name.endsWith('aac') ? 50 : 10,
      );
      expect(told.outputBitrate).toBe(Math.round((told.bytes * 8) / (told.durationSeconds ?? 0)));
      expect((told.outputBitrate ?? 0) / bitrate).toBeGreaterThan(0.5);
      expect((told.outputBitrate ?? 0) / bitrate).toBeLessThan(1.15);
      const [low, high] = told.estimatedAsrImpact.relativeWerIncrease;
      expect(high).toBeGreaterThan(low);
      expect(told.estimatedAsrImpact.basis).toContain('kbit/s');
    },
  );

  test('nothing above 8 kHz is folded into the band: a tone of 12 kHz is gone', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'sine=f=12000:r=48000:d=3,volume=0dB', '-ac', '2', media('whistle.wav'));
    const { samples } = await decodedFacts((await compress('whistle.wav', 'MEDICAL_HIGH_QUALITY')).path);
    const middle = samples.subarray(8000, 40_000);
    expect(Math.max(...middle.map(Math.abs))).toBeLessThanOrEqual(4);
  });
});

describe('target sizes (C15)', () => {
  test.each([
    ['sound.wav', 0.1],
    ['sound.m4a', 0.06],
    ['sound.mp3', 0.04],
    ['sound.webm', 0.03],
    ['sound.ogg', 0.02],
    ['film.mp4', 0.0145],
  ] as const)('%s to %f MB: hardly below it, never above', async (name, target) => {
    const told = await inPage<Told>(
      page,
      `return told(await audio.autoCompress(await fetchBlob('${name}'), ${target}))`,
    );
    expect(told.skipped).toBeNull();
    expect(told.bytes / (target * 1e6)).toBeGreaterThan(0.97);
    expect(told.bytes / (target * 1e6)).toBeLessThanOrEqual(1);
    expect(told.warnings.map(({ code }) => code)).toEqual(target <= 0.02 ? ['low-bitrate'] : []);
  });

  test('says what cannot be: too small, large enough already, more than speech has use for', async () => {
    const auto = (name: string, target: number) =>
      inPage<Told>(page, `return told(await audio.autoCompress(await fetchBlob('${name}'), ${target}))`);
    const tooSmall = await auto('sound.wav', 0.01);
    expect(tooSmall.skipped?.reason).toBe('target-too-small');
    const least = Number(/takes ([\d.]+) MB/.exec(tooSmall.skipped?.message ?? '')?.[1]);
    expect((await auto('sound.wav', least + 0.0005)).skipped).toBeNull();
    expect((await auto('sound.wav', 1000)).skipped?.reason).toBe('already-fits');
    const generous = await auto('sound.wav', 0.5);
    expect(generous.warnings.map(({ code }) => code)).toEqual(['below-target']);
    for (const wrong of ['0', '-1', 'NaN', "'20'"])
      await expect(auto('sound.wav', wrong as unknown as number)).rejects.toThrow('RangeError');
  });

  test('the estimate says beforehand what comes out', async () => {
    for (const goal of ["'MOBILE_OPTIMIZED'", '{ targetSizeMB: 0.04 }']) {
      const estimate = await inPage<CompressionEstimate>(
        page,
        `return audio.estimateCompression(await fetchBlob('sound.m4a'), ${goal})`,
      );
      const call = goal.startsWith('{') ? 'autoCompress(b, 0.04)' : `compress(b, ${goal})`;
      const told = await inPage<Told>(page, `const b = await fetchBlob('sound.m4a'); return told(await audio.${call})`);
      expect(Math.abs(estimate.outputBytes / told.bytes - 1)).toBeLessThan(0.05);
      expect(estimate.savedBytes).toBe(estimate.inputBytes - estimate.outputBytes);
      expect(estimate.estimatedAsrImpact).toEqual(told.estimatedAsrImpact);
    }
    const none = await inPage<CompressionEstimate>(
      page,
      `return audio.estimateCompression(new Blob(['text'.repeat(99)]), 'SPEECH')`,
    );
    expect(none).toMatchObject({ savedBytes: 0, ratio: 1, skipped: { reason: 'not-audio' } });
  });
});

describe('while it works (C16)', () => {
  test(`${longSeconds / 60} minutes of WAV: little memory, many times real time, the page stays free, progress never goes back`, async () => {
    // A browser of its own, so that nothing of the other tests counts.
    await using other = await launch();
    const fresh = await openPage(site.origin, other);
    await fresh.setInputFiles('input', media('long.wav'));
    const idle = await rendererMemory(other);
    const peak = { ...idle };
    let running = true;
    const measuring = (async () => {
      while (running) {
        const { resident, own } = await rendererMemory(other);
        peak.resident = Math.max(peak.resident, resident);
        peak.own = Math.max(peak.own, own);
        await setTimeout(200);
      }
    })();
    await other.startTracing(fresh, { categories: ['disabled-by-default-devtools.timeline'] });
    const { ms, fractions, ...told } = await inPage<Told & { ms: number; fractions: number[] }>(
      fresh,
      `const fractions = []; const start = performance.now();
       const result = await audio.compress(document.querySelector('input').files[0], 'SPEECH', { onProgress: (f) => fractions.push(f) });
       return { ms: performance.now() - start, fractions, ...(await told(result)) };`,
    ).finally(() => {
      running = false;
    });
    await measuring;
    const tasks = mainThreadTasks(await other.stopTracing());
    const speed = (longSeconds * 1000) / ms;
    console.log(
      `audio: ${longSeconds} s of WAV at ${speed.toFixed(1)}x real time, renderer ${idle.own.toFixed(0)} → ${peak.own.toFixed(0)} MB of its own, ${idle.resident.toFixed(0)} → ${peak.resident.toFixed(0)} MB resident, ${tasks.length} tasks of the page, the longest ${Math.max(...tasks).toFixed(1)} ms of the processor`,
    );
    expect(told.skipped).toBeNull();
    expect(peak.own).toBeLessThan(200);
    expect(speed).toBeGreaterThan(2);
    expect(tasks.length).toBeGreaterThan(10);
    // Compression in the page would be seconds of tasks. A single one may be the machine's: what it does for others counts in its clocks.
    expect(tasks.filter((taskMs) => taskMs > 50).length).toBeLessThan(2);
    expect(tasks.reduce((sum, taskMs) => sum + taskMs, 0)).toBeLessThan(ms / 4);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.length).toBeGreaterThan(3);
    expect(fractions.length).toBeLessThan(ms / 90 + 3);
  });

  test('an abort stops at once, ends the worker, and says the reason of the signal', async () => {
    const result = await inPage<{ ms: number; reason: string; later: number }>(
      page,
      `const stop = new AbortController(); let aborted = 0, calls = 0;
       const blob = await fetchBlob('long.wav');
       const work = audio.compress(blob, 'SPEECH', { signal: stop.signal, onProgress: () => {
         calls++; if (calls === 2) { aborted = performance.now(); stop.abort(new Error('enough')); } } });
       const reason = await work.then(() => 'done', (error) => error.message);
       const ms = performance.now() - aborted;
       const before = await audio.compress(blob, 'SPEECH', { signal: AbortSignal.abort(new Error('no')) }).catch((e) => e.message);
       return { ms, reason: reason + ' ' + before, later: calls };`,
    );
    expect(result).toMatchObject({ reason: 'enough no', later: 2 });
    expect(result.ms).toBeLessThan(500);
    await expect.poll(() => page.workers().length).toBe(0);
  });
});

describe('what cannot be compressed comes back as it was, with the reason (C15)', () => {
  const cut = async (name: string) => {
    await copyFile(media(name), media(`cut-${name}`));
    const file = await open(media(name));
    const { size } = await file.stat();
    await file.close();
    await truncate(media(`cut-${name}`), size >> 1);
    return `cut-${name}`;
  };
  const edited = async (name: string, edit: (bytes: Buffer) => unknown) => {
    const bytes = await readFile(media('sound.wav'));
    const changed = edit(bytes);
    await writeFile(media(name), Buffer.isBuffer(changed) ? changed : bytes);
    return name;
  };
  /** The element Duration, 8 bytes of floating point, in ms. */
  const daysLong = async () => {
    await ffmpeg('-i', media('sound.wav'), '-c:a', 'libopus', media('days.webm'));
    const bytes = await readFile(media('days.webm'));
    const at = bytes.indexOf(Buffer.of(0x44, 0x89, 0x88));
    bytes.writeDoubleBE(30 * 3600 * 1000, at + 3);
    await writeFile(media('days.webm'), bytes);
    return 'days.webm';
  };
  const cases: readonly (readonly [string, SkipReason, () => Promise<string>])[] = [
    ['no bytes', 'empty', () => edited('none.wav', () => Buffer.alloc(0))],
    ['a WAV with no samples', 'empty', () => edited('hollow.wav', hollow)],
    [
      'text with the name of a WAV',
      'not-audio',
      () => edited('text.wav', () => Buffer.from('Not a sound.\n'.repeat(99))),
    ],
    ['zeros', 'not-audio', () => edited('zeros.wav', () => Buffer.alloc(50_000))],
    ['a WAV of 0 Hz', 'cannot-decode', () => edited('still.wav', (b) => b.writeUInt32LE(0, 24))],
    ['a WAV of 4 GHz', 'cannot-decode', () => edited('fast.wav', (b) => b.writeUInt32LE(4_000_000_000, 24))],
    ['a WebM that says it lasts for 30 hours', 'too-long', () => daysLong()],
    ['a WAV cut in half', 'damaged', () => cut('sound.wav')],
    ['an MP3 cut in half', 'damaged', () => cut('sound.mp3')],
    ['a WebM cut in half', 'damaged', () => cut('sound.webm')],
    ['an MP4 without its index', 'not-audio', () => cut('sound.m4a')],
    ['an Ogg cut in half', 'cannot-decode', () => cut('sound.ogg')],
  ];

  test.each(cases)('%s: %s', async (_what, reason, make) => {
    const name = await make();
    const told = await compress(name, 'SPEECH');
    expect(told.skipped).toMatchObject({ reason });
    expect(told.skipped?.message).toMatch(/\.$/);
    expect(told.ratio).toBe(1);
    expect(await readFile(told.path)).toEqual(await readFile(media(name)));
  });

  test('a film without sound, a codec that the browser lacks, and what is small already', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=5:d=1', media('mute.mp4'));
    await ffmpeg('-i', media('sound.wav'), '-c:a', 'ac3', media('cinema.mp4'));
    await ffmpeg('-i', media('sound.wav'), '-ac', '1', '-c:a', 'libopus', '-b:a', '16k', media('small.webm'));
    expect((await compress('mute.mp4', 'SPEECH')).skipped?.reason).toBe('not-audio');
    expect((await compress('cinema.mp4', 'SPEECH')).skipped).toEqual({
      reason: 'cannot-decode',
      message: 'This browser cannot decode ac3.',
    });
    expect((await compress('small.webm', 'MEDICAL_HIGH_QUALITY')).skipped?.reason).toBe('not-smaller');
  });

  test('a stream without a length is whole, and two sound tracks give the main one and a warning', async () => {
    await edited('streamed.wav', (bytes) =>
      setUint32(setUint32(bytes, 4, 0xffffffff), bytes.indexOf('data') + 4, 0xffffffff),
    );
    expect((await compress('streamed.wav', 'SPEECH')).durationSeconds).toBeCloseTo(seconds, 2);
    await ffmpeg(
      '-i',
      media('sound.wav'),
      '-i',
      media('sound.mp3'),
      '-map',
      '0',
      '-map',
      '1',
      '-c:a',
      'flac',
      media('two.mkv'),
    );
    expect((await compress('two.mkv', 'SPEECH')).warnings.map(({ code }) => code)).toEqual(['other-tracks']);
  });

  test('a file that was deleted after it was chosen', async () => {
    await copyFile(media('sound.wav'), media('gone.wav'));
    await page.setInputFiles('input', media('gone.wav'));
    await inPage(page, 'document.querySelector("input").files[0].size');
    await rm(media('gone.wav'));
    const reason = await inPage<string>(
      page,
      `return (await audio.compress(document.querySelector('input').files[0], 'SPEECH')).skipped.reason`,
    );
    expect(reason).toBe('unreadable');
  });

  test('a worker that is not there, is refused, says nothing, or has no encoder', async () => {
    const reason = async (options: string) => (await compress('sound.wav', 'SPEECH', options)).skipped?.reason;
    expect(await reason(`{ workerUrl: '/nothing.js' }`)).toBe('worker-failed');
    expect(await reason(`{ createWorker: () => { throw new Error('refused by the policy'); } }`)).toBe('worker-failed');
    // A clock that runs a thousand times as fast.
    const runtime =
      'runtime: { after: (ms, back) => { const id = setTimeout(back, ms / 1000); return () => clearTimeout(id); } }';
    const silent = `new Worker(URL.createObjectURL(new Blob(['0'], { type: 'text/javascript' })), { type: 'module' })`;
    expect(await reason(`{ createWorker: () => ${silent}, ${runtime} }`)).toBe('worker-failed');
    const without = `delete self.AudioEncoder; import(${JSON.stringify(`${site.origin}/client/audio/worker.js`)})`;
    const url = `URL.createObjectURL(new Blob([${JSON.stringify(without)}], { type: 'text/javascript' }))`;
    expect(await reason(`{ createWorker: () => new Worker(${url}, { type: 'module' }) }`)).toBe('cannot-encode');
  });

  test('a page without HTTPS, where browsers encode nothing', async () => {
    await using plain = await openPage(`http://plain.test:${site.port}/`);
    const told = await inPage<Told>(plain, `return told(await audio.compress(await fetchBlob('sound.wav'), 'SPEECH'))`);
    expect(told.skipped).toMatchObject({ reason: 'cannot-encode', message: expect.stringContaining('HTTPS') });
  });
});

test('bundled by Vite, without any setting, it finds its worker', async () => {
  const entry = media('app/main.js');
  await mkdir(media('app'));
  await writeFile(
    entry,
    `import * as audio from '@holdfast/client/audio'; Object.assign(window, { audio, ready: true });`,
  );
  await writeFile(media('app/index.html'), '<!doctype html><script type="module" src="./main.js"></script>');
  const published = fileURLToPath(new URL('../../packages/client/dist/audio/index.js', import.meta.url));
  await build({
    root: media('app'),
    base: './',
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { '@holdfast/client/audio': published } },
    build: { outDir: media('bundled') },
  });
  await using bundled = await openPage(`${site.origin}/media/bundled/index.html`);
  const call = `audio.compress(await (await fetch('/media/sound.wav')).blob(), 'SPEECH')`;
  expect(await inPage(bundled, `return (await ${call}).skipped`)).toBeNull();
});

test('nothing of all this made an error in the page', () => {
  expect(problems).toEqual([]);
});

function setUint32(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32LE(value, at);
  return bytes;
}

function hollow(wave: Buffer): Buffer {
  const data = wave.indexOf('data');
  return setUint32(setUint32(wave.subarray(0, data + 8), 4, data), data + 4, 0);
}

/** By how many ms `late` comes after `original` where they fit best; envelopes of 1 ms. */
function lagMs(original: Int16Array, late: Int16Array): number {
  const envelope = (samples: Int16Array) =>
    Float64Array.from({ length: Math.floor(samples.length / 16) }, (_, i) =>
      samples.subarray(i * 16, i * 16 + 16).reduce((sum, x) => sum + Math.abs(x), 0),
    );
  const [a, b] = [envelope(original), envelope(late)];
  const likeness = (lag: number) => a.reduce((sum, x, i) => sum + x * (b[i + lag] ?? 0), 0);
  const lags = Array.from({ length: 161 }, (_, i) => i - 80);
  return lags.reduce((best, lag) => (likeness(lag) > likeness(best) ? lag : best), 0);
}
