import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CutSample,
  ffmpeg,
  makeCutSample,
  makeVariableRateSample,
  scoreCuts,
} from '../../../test/media-samples.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { PermanentStepError } from '../context.ts';
import { scanParams } from '../steps/scan-video.ts';
import { FenceError } from './fence.ts';
import { probeFile } from './probe.ts';
import { type ScanRequest, type ScanResult, scanFile } from './scan.ts';
import { findMediaTools, type ReadyTools } from './tools.ts';

const signal = new AbortController().signal;
const frame = 1 / 25 + 0.001;
let folder: string;
let tools: ReadyTools;
let sample: CutSample;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-scan-'));
  const found = await findMediaTools({ ...toolOptions, ffmpegPath: null, ffprobePath: null });
  if (found.state === 'missing') throw new Error(`These tests need ffmpeg: ${found.reason}`);
  tools = found;
  sample = await makeCutSample(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const toolOptions = {
  searchPath: process.env['PATH'] ?? '',
  threads: 2,
  memoryBytesMax: 4_000_000_000,
  clock: systemClock,
  signal,
};

const probe = (file: string) => probeFile({ tools, file, signal, clock: systemClock });

async function scan(file: string, more: Partial<ScanRequest> = {}): Promise<ScanResult> {
  const request = {
    tools,
    file,
    media: await probe(file),
    rules: scanParams,
    signal,
    clock: systemClock,
    timeoutMs: 120_000,
  };
  return scanFile({ ...request, progress: () => {}, onPicture: () => {}, ...more });
}

const cutsOf = (result: ScanResult) =>
  result.shots.filter(({ transition }) => transition?.kind === 'cut').map((shot) => shot.start);

async function made(name: string, args: readonly string[]): Promise<string> {
  const file = path.join(folder, name);
  await ffmpeg([...args, file]);
  return file;
}

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

describe('tools', () => {
  it('finds version and features, and says why when there is none', async () => {
    expect(tools.version).toMatch(/^\d+\.\d+/);
    expect(tools.features).toMatchObject({
      blackdetect: true,
      freezedetect: true,
      ebur128: true,
      silencedetect: true,
      mjpeg: true,
    });
    const none = await findMediaTools({ ...toolOptions, ffmpegPath: '/no/ffmpeg', ffprobePath: null });
    expect(none).toEqual({
      state: 'missing',
      reason: expect.stringMatching(/not found at \/no\/ffmpeg.*apt install ffmpeg/),
    });
    const other = await findMediaTools({ ...toolOptions, ffmpegPath: '/bin/true', ffprobePath: null });
    expect(other.state).toBe('missing');
  });
});

describe('scan of known cuts', () => {
  it('finds them within one frame, with pictures from inside the shots, progress and audio facts', async () => {
    const pictures = new Map<number, { time: number; jpeg: Buffer }>();
    const progress: number[] = [];
    const result = await scan(sample.file, {
      onPicture: (index, picture) => pictures.set(index, picture),
      progress: (fraction) => progress.push(fraction),
    });
    const score = scoreCuts(sample.cuts, cutsOf(result), frame);
    expect(score.f1, JSON.stringify(score)).toBeGreaterThanOrEqual(0.9);
    expect(result.frames).toBe(sample.frames);
    expect(result.videoSeconds).toBeCloseTo(sample.seconds, 2);
    expect(result.damage.lines).toBe(0);
    for (const shot of result.shots) {
      const picture = pictures.get(shot.index);
      expect(picture?.time).toBeGreaterThanOrEqual(shot.start);
      expect(picture?.time).toBeLessThan(shot.end);
      expect(jpeg.decode(picture?.jpeg ?? Buffer.alloc(0))).toMatchObject({ width: 640, height: 360 });
    }
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBeGreaterThan(0.95);
    expect(result.audio?.integratedLufs).toBeLessThan(-10);
    expect(result.audio?.silences).toEqual([{ start: expect.closeTo(10, 0), end: expect.closeTo(14, 0) }]);
    expect(result.loudnessBetween(11, 13)).toBeLessThan(-60);
  });

  it('finds them by time in a file of variable frame rate', async () => {
    const variable = await makeVariableRateSample(sample, folder);
    expect((await probe(variable.file)).video?.variableFrameRateHint).toBe(true);
    const result = await scan(variable.file);
    expect(result.frames).toBeLessThan(sample.frames - 200);
    const score = scoreCuts(sample.cuts, cutsOf(result), frame);
    expect(score.f1, JSON.stringify(score)).toBeGreaterThanOrEqual(0.9);
    expect(result.audio).toBeNull();
  });
});

describe('scan of plain facts', () => {
  it('measures black, frozen, dark and colours', async () => {
    const parts = ['color=black:s=320x180:r=25:d=2', 'color=red:s=320x180:r=25:d=4', 'testsrc2=s=320x180:r=25:d=2'];
    const inputs = parts.flatMap((part) => ['-f', 'lavfi', '-i', part]);
    const file = await made('facts.mkv', [...inputs, '-filter_complex', '[0][1][2]concat=n=3', '-c:v', 'libx264']);
    const result = await scan(file);
    expect(result.shots.map(({ start, static: still, dark }) => ({ start, still, dark }))).toEqual([
      { start: 0, still: true, dark: true },
      { start: 2, still: true, dark: false },
      { start: 6, still: false, dark: false },
    ]);
    expect(result.shots[1]?.dominantColour).toMatchObject({ name: 'red', share: 1 });
    expect(result.black).toEqual([{ start: 0, end: 2 }]);
    expect(result.frozen).toEqual([
      { start: 0, end: 2 },
      { start: 2, end: 6 },
    ]);
  });

  it('takes a file with sound only', async () => {
    const file = await made('tone.mp3', ['-f', 'lavfi', '-i', 'sine=d=5']);
    const progress: number[] = [];
    const result = await scan(file, { progress: (fraction) => progress.push(fraction) });
    expect(result).toMatchObject({ videoSeconds: null, frames: 0, shots: [], black: null });
    expect(result.audioSeconds).toBeCloseTo(5, 0);
    expect(result.audio?.integratedLufs).toBeLessThan(-15);
    expect(progress.length).toBeGreaterThan(0);
  });

  it('takes odd sizes, one frame, and silent sound', async () => {
    const odd = await made('odd.mkv', [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=33x501:r=10',
      '-f',
      'lavfi',
      '-i',
      'anullsrc',
      '-frames:v',
      '1',
      '-t',
      '0.1',
      '-c:v',
      'ffv1',
      '-c:a',
      'flac',
    ]);
    const result = await scan(odd);
    expect(result).toMatchObject({ frames: 1, audio: { integratedLufs: null } });
    expect(result.shots).toHaveLength(1);
  });
});

describe('broken and hostile files', () => {
  it('counts the damage of a file that was cut off and gives what is there', async () => {
    const file = await written('cut-off.mp4', await readFile(sample.file));
    await truncate(file, Math.round((await readFile(file)).length / 2));
    const result = await scan(file);
    expect((await probe(file)).durationSeconds).toBeCloseTo(sample.seconds, 0);
    expect(result.videoSeconds).toBeLessThan(sample.seconds - 5);
    expect(result.shots.length).toBeGreaterThan(1);
    expect(result.damage.lines).toBeGreaterThan(0);
    expect(result.damage.last).not.toContain(folder);
  });

  it('refuses what is not media, for good and with a reason', async () => {
    const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 2654435761) >>> 13);
    const text = await written('notes.mp4', 'these are only words\n'.repeat(1_000));
    const moov = await written(
      'no-moov.mp4',
      (await readFile(await made('end.mp4', ['-f', 'lavfi', '-i', 'testsrc2=d=1', '-c:v', 'libx264']))).subarray(
        0,
        9_000,
      ),
    );
    for (const file of [await written('noise.mp4', noise), await written('empty.mp4', ''), text, moov]) {
      const error = await probe(file).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error, file).toBeInstanceOf(PermanentStepError);
      expect(String(error)).not.toContain(folder);
    }
    await expect(probe(moov)).rejects.toThrow(/cut off|not finished/);
  });

  it('does not read other files that a renamed playlist names', async () => {
    const hls = `#EXTM3U\n#EXT-X-TARGETDURATION:60\n#EXTINF:50,\n${sample.file}\n#EXT-X-ENDLIST\n`;
    const list = `ffconcat version 1.0\nfile '${sample.file}'\n`;
    for (const file of [await written('hls.mp4', hls), await written('concat.mp4', list)]) {
      await expect(probe(file)).rejects.toThrow(/playlist or of a format that is not taken/);
      const media = await probe(sample.file);
      await expect(scan(file, { media })).rejects.toThrow(PermanentStepError);
    }
  });

  it('a missing file is trouble of this machine, not of the file', async () => {
    await expect(probe(path.join(folder, 'gone'))).rejects.not.toBeInstanceOf(PermanentStepError);
  });

  it('two frames ten hours apart stay two frames', async () => {
    const args = [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=64x64:r=1:d=2',
      '-vf',
      'setpts=N*36000/TB',
      '-fps_mode',
      'passthrough',
      '-c:v',
      'ffv1',
    ];
    const file = await made('apart.mkv', args);
    const result = await scan(file);
    expect(result.frames).toBe(2);
    expect(result.videoSeconds).toBeGreaterThan(35_000);
  });

  it('stops at the cap on frames, on time-out and on abort, without a thread or program left', async () => {
    const kind = (thrown: unknown) => (thrown instanceof FenceError ? thrown.kind : String(thrown));
    const rules = { ...scanParams, framesMax: 100 };
    expect(await scan(sample.file, { rules }).then(() => 'done', kind)).toMatch(/PermanentStepError: .*more pictures/);
    expect(await scan(sample.file, { timeoutMs: 300 }).then(() => 'done', kind)).toBe('timeout');
    const controller = new AbortController();
    const progress = () => controller.abort();
    expect(await scan(sample.file, { signal: controller.signal, progress }).then(() => 'done', kind)).toBe('aborted');
  });
});
