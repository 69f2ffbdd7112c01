import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../test/media-samples.ts';
import { readyTools, StepBench, type StepRun } from '../../../test/step-bench.ts';
import type { MediaInfo } from '../media/media-info.ts';
import type { Waveform } from '../media/waveform.ts';
import { contactSheetStep } from './contact-sheet.ts';
import { quickLookStep } from './quick-look.ts';
import { scanVideoStep } from './scan-video.ts';
import { storyboardStep } from './storyboard.ts';
import { waveformStep } from './waveform.ts';
import { webRenditionStep } from './web-rendition.ts';

let folder: string;
let bench: StepBench;
let film: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-media-steps-'));
  bench = new StepBench(folder, await readyTools());
  // Black, a slate, then pictures: a poster must be one of those. Sound from 1 s on, loud at 6 s.
  film = await made('film.mp4', [
    ...lavfi('color=black:s=320x180:r=10:d=3', 'color=0x202020:s=320x180:r=10:d=3', 'testsrc2=s=320x180:r=10:d=6'),
    ...lavfi("aevalsrc='if(between(t,6,7),0.9,0.1)*sin(2*PI*440*t)':s=8000:d=12"),
    ...['-filter_complex', '[0][1][2]concat=n=3[v]', '-map', '[v]', '-map', '3:a'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '10', '-c:a', 'aac'],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const lavfi = (...sources: readonly string[]) => sources.flatMap((source) => ['-f', 'lavfi', '-i', source]);

async function made(name: string, args: readonly string[]): Promise<string> {
  const file = path.join(folder, name);
  await ffmpeg([...args, file]);
  return file;
}

const mediaOf = (run: StepRun) => run.output['media'] as MediaInfo;
const skipReason = ({ result }: StepRun) => (result.kind === 'skipped' ? result.reason : 'it was done');

async function pictureSize(run: StepRun, name: string): Promise<{ width: number; height: number }> {
  const { width, height } = jpeg.decode(await readFile(path.join(run.scratch, name)));
  return { width, height };
}

interface QuickOutput {
  readonly pictures: readonly { readonly name: string; readonly time: number; readonly detail: number }[];
  readonly poster: string;
}
const quick = (run: StepRun) => run.output as unknown as QuickOutput;

describe('quick_look', () => {
  it('gives pictures from all over the file with their exact times, and a poster that is neither black nor a slate', async () => {
    const run = await bench.afterProbe(quickLookStep, film);
    const { pictures, poster } = quick(run);
    expect(pictures.map(({ name }) => name)).toEqual(pictures.map((_, i) => `quick-000${i + 1}.jpg`));
    // Middles of eighths of 12 s, each taken at the keyframe before (one a second).
    expect(pictures.map(({ time }) => time)).toEqual([0, 2, 3, 5, 6, 8, 9, 11]);
    expect(pictures.find(({ name }) => name === poster)?.time).toBeGreaterThanOrEqual(6);
    expect(await pictureSize(run, poster)).toEqual({ width: 320, height: 180 });
    expect([...run.left].sort()).toEqual(pictures.map(({ name }) => name));
  });

  it('turns pictures of telephones upright', async () => {
    const upright = await made('phone.mp4', ['-display_rotation', '90', '-i', film, '-c', 'copy', '-t', '8']).catch(
      () => made('phone.mp4', ['-i', film, '-c', 'copy', '-metadata:s:v', 'rotate=90', '-t', '8']),
    );
    const run = await bench.afterProbe(quickLookStep, upright);
    expect(await pictureSize(run, quick(run).poster)).toEqual({ width: 180, height: 320 });
  });

  it('reads a file that does not say how long it lasts, and one without keyframes behind the first', async () => {
    const live = await made('live.webm', [
      ...lavfi('testsrc2=s=160x90:r=5:d=12'),
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      '-g',
      '10',
      '-live',
      '1',
    ]);
    expect(mediaOf(await bench.probe(live)).durationSeconds).toBeNull();
    const run = await bench.afterProbe(quickLookStep, live);
    expect(quick(run).pictures.map(({ time }) => Math.round(time))).toEqual(
      [0, 6, 12].slice(0, quick(run).pictures.length),
    );
    expect(quick(run).pictures.length).toBeGreaterThan(1);
    const single = await made('single.mkv', ['-i', film, '-c:v', 'libx264', '-g', '1000', '-an']);
    expect(quick(await bench.afterProbe(quickLookStep, single)).pictures.length).toBeGreaterThanOrEqual(1);
  });
});

describe('waveform', () => {
  it('has the format of audiowaveform, and the loud second in its place', async () => {
    const run = await bench.afterProbe(waveformStep, film);
    const wave = await run.json<Waveform>('waveform.json');
    expect(wave).toMatchObject({ version: 2, channels: 1, sample_rate: 8_000, samples_per_pixel: 400, bits: 8 });
    expect(wave.data).toHaveLength(wave.length * 2);
    expect(Math.abs(wave.length - 240)).toBeLessThanOrEqual(3);
    const highAt = (seconds: number) => wave.data[Math.round((seconds * 8_000) / 400) * 2 + 1] ?? 0;
    expect(highAt(6.5)).toBeGreaterThan(100);
    expect(highAt(3)).toBeLessThan(20);
    expect(Math.min(...wave.data)).toBeLessThan(-100);
  });

  it('joins points when there would be too many, without losing a peak', async () => {
    const run = await bench.afterProbe(waveformStep, film, { pointsMax: 100 });
    const wave = await run.json<Waveform>('waveform.json');
    expect(wave.length).toBeLessThanOrEqual(100);
    expect(wave.samples_per_pixel).toBe(1_600);
    const at = wave.data.indexOf(Math.max(...wave.data)) / 2;
    expect((at * wave.samples_per_pixel) / wave.sample_rate).toBeCloseTo(6.5, 0);
  });

  it('takes the default of several tracks and the sound beside a cover picture; without sound it says so', async () => {
    const tracks = await made('tracks.mkv', [
      ...lavfi('sine=f=300:d=2', 'aevalsrc=0.5:d=2', 'testsrc2=s=64x64:r=5:d=2'),
      ...[
        '-map',
        '0',
        '-map',
        '1',
        '-map',
        '2',
        '-c:a',
        'flac',
        '-disposition:a:0',
        '0',
        '-disposition:a:1',
        'default',
      ],
    ]);
    const probe = await bench.probe(tracks);
    expect(mediaOf(probe)).toMatchObject({ audio: { index: 1 }, audioTracks: [{ index: 0 }, { index: 1 }] });
    const wave = await (await bench.run(waveformStep, tracks, { inputs: { probe } })).json<Waveform>('waveform.json');
    expect(wave.data[20]).toBe(64);
    const cover = await made('cover.mp3', [
      ...lavfi('sine=d=2', 'testsrc2=s=64x64:r=1:d=1'),
      '-map',
      '0',
      '-map',
      '1',
      '-frames:v',
      '1',
      '-c:v',
      'mjpeg',
      '-disposition:v',
      'attached_pic',
    ]);
    expect(mediaOf(await bench.probe(cover)).video).toBeNull();
    expect((await bench.afterProbe(waveformStep, cover)).result.kind).toBe('done');
    expect(skipReason(await bench.afterProbe(quickLookStep, cover))).toBe('The file has no moving picture.');
    const mute = await made('mute.mp4', ['-i', film, '-an', '-c', 'copy']);
    expect(skipReason(await bench.afterProbe(waveformStep, mute))).toBe('The file has no sound.');
  });
});

describe('sheets of the pictures that the scan left', () => {
  it('makes a contact sheet and a storyboard whose cues cover the whole time, without decoding again', async () => {
    const scan = await bench.afterProbe(scanVideoStep, film, { samplesMax: 10 });
    // 12 s in at most ten pictures.
    expect(scan.left).not.toContainEqual(expect.stringMatching(/^sample-/));
    const sheet = await bench.run(contactSheetStep, film, {
      inputs: { scan_video: scan },
      params: { columns: 3, rowsMax: 2 },
    });
    expect(sheet.left).toEqual(['contact-sheet.jpg']);
    expect(await pictureSize(sheet, 'contact-sheet.jpg')).toEqual({ width: 960, height: 360 });
    expect(sheet.output['times']).toHaveLength(6);

    const board = await bench.run(storyboardStep, film, {
      inputs: { scan_video: scan },
      params: { columns: 4, rows: 2 },
    });
    expect([...board.left].sort()).toEqual(['storyboard-001.jpg', 'storyboard-002.jpg', 'storyboard.vtt']);
    expect(await pictureSize(board, 'storyboard-002.jpg')).toEqual({ width: 640, height: 180 });
    const cues = (await readFile(path.join(board.scratch, 'storyboard.vtt'), 'utf8')).split('\n\n');
    expect(cues[0]).toBe('WEBVTT');
    expect(cues[1]).toMatch(/^00:00:00\.000 --> 00:00:01\.\d{3}\nstoryboard-001\.jpg#xywh=0,0,160,90$/);
    expect(cues[6]).toMatch(/\nstoryboard-001\.jpg#xywh=160,90,160,90$/);
    expect(cues[9]).toMatch(/\nstoryboard-002\.jpg#xywh=0,0,160,90\n$/);
    expect(cues.at(-1)).toContain(' --> 00:00:12.000\n');
    const pairs = cues.slice(1).map((cue) => cue.split('\n')[0]?.split(' --> ') ?? []);
    expect(pairs.slice(1).map(([from]) => from)).toEqual(pairs.slice(0, -1).map(([, to]) => to));
  });

  it('makes none of sound', async () => {
    const memo = await made('memo.ogg', [...lavfi('sine=d=2'), '-c:a', 'libvorbis']);
    const scan = await bench.afterProbe(scanVideoStep, memo);
    for (const step of [contactSheetStep, storyboardStep])
      expect(skipReason(await bench.run(step, memo, { inputs: { scan_video: scan } }))).toMatch(/no moving picture/);
  });
});

describe('web_rendition', () => {
  const rendered = async (run: StepRun, name: string) => mediaOf(await bench.probe(path.join(run.scratch, name)));

  it('makes none of what browsers play, nor when it is switched off', async () => {
    expect(skipReason(await bench.afterProbe(webRenditionStep, film))).toBe(
      'Browsers play the original: MP4 with h264 and aac.',
    );
    const webm = await made('clip.webm', [
      ...lavfi('testsrc2=s=64x64:r=5:d=1', 'sine=d=1'),
      '-c:v',
      'libvpx',
      '-c:a',
      'libopus',
    ]);
    expect(skipReason(await bench.afterProbe(webRenditionStep, webm))).toBe(
      'Browsers play the original: WebM with vp8 and opus.',
    );
    expect(skipReason(await bench.afterProbe(webRenditionStep, film, { when: 'never' }))).toMatch(/Switched off/);
  });

  it('only changes the container when that is all that is wrong', async () => {
    const source = await made('clip.mkv', ['-i', film, '-c', 'copy', '-t', '6']);
    const run = await bench.afterProbe(webRenditionStep, source);
    expect(run.output).toMatchObject({
      rendition: 'rendition.mp4',
      video: 'copy',
      audio: 'copy',
      reason: 'Browsers do not play the container (Matroska).',
    });
    expect(await rendered(run, 'rendition.mp4')).toMatchObject({ video: { codec: 'h264' }, audio: { codec: 'aac' } });
    const bytes = await readFile(path.join(run.scratch, 'rendition.mp4'));
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
  });

  it('encodes upright HDR of ten bits and odd size to 8 bit H.264, and other sound to AAC', async () => {
    const source = await made('hdr.mov', [
      ...lavfi('testsrc2=s=321x241:r=10:d=2', 'sine=d=2'),
      ...[
        '-vf',
        'format=yuv420p10le',
        '-c:v',
        'libx265',
        '-preset',
        'ultrafast',
        '-x265-params',
        'log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc',
      ],
      ...['-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc', '-c:a', 'pcm_s16le'],
    ]);
    expect(mediaOf(await bench.probe(source)).video).toMatchObject({
      colourTransfer: 'smpte2084',
      pixelFormat: 'yuv420p10le',
    });
    const run = await bench.afterProbe(webRenditionStep, source, { shortSideMax: 120 + 24 });
    expect(run.output).toMatchObject({ video: 'encode', audio: 'encode' });
    const { video, audio, durationSeconds } = await rendered(run, 'rendition.mp4');
    expect(video).toMatchObject({
      codec: 'h264',
      pixelFormat: 'yuv420p',
      width: 192,
      height: 144,
      colourTransfer: 'bt709',
    });
    expect(audio).toMatchObject({ codec: 'aac', channels: 2 });
    expect(durationSeconds).toBeCloseTo(2, 0);
  });

  it('makes rendition.m4a of sound that browsers do not play', async () => {
    const source = await made('memo.wma', [...lavfi('sine=d=2'), '-c:a', 'wmav2']);
    const run = await bench.afterProbe(webRenditionStep, source);
    expect(run.left).toEqual(['rendition.m4a']);
    expect(await rendered(run, 'rendition.m4a')).toMatchObject({ video: null, audio: { codec: 'aac' } });
  });

  it('publishes nothing of a file that is cut off, and leaves the original as it was', async () => {
    const whole = await made('whole.avi', [...lavfi('testsrc2=s=160x90:r=10:d=20'), '-c:v', 'mpeg4']);
    const before = await readFile(whole);
    const cut = await made('cut.mkv', ['-i', whole, '-c', 'copy']);
    const bytes = await readFile(cut);
    await writeFile(cut, bytes.subarray(0, bytes.length / 2));
    await expect(bench.afterProbe(webRenditionStep, cut)).rejects.toThrow(
      /lasts 20 s, but what can be converted lasts .*nothing is published/,
    );
    expect((await bench.afterProbe(webRenditionStep, whole)).result.kind).toBe('done');
    expect(await readFile(whole)).toEqual(before);
  });
});
