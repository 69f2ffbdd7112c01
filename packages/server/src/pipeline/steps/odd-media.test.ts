/** Files as they really come: more channels than there are names for, pictures without times, a machine with no time. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ffmpeg } from '../../../test/media-samples.ts';
import { readyTools, StepBench } from '../../../test/step-bench.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { PermanentStepError } from '../context.ts';
import type { Analysis } from '../media/analysis.ts';
import type { MediaInfo } from '../media/media-info.ts';
import { stillAt } from '../media/still.ts';
import type { Waveform } from '../media/waveform.ts';
import { greyOf } from '../ocr/likeness.ts';
import { extractSpeechStep } from './extract-speech.ts';
import { quickLookStep } from './quick-look.ts';
import { scanVideoStep } from './scan-video.ts';
import { summarizeSceneStep } from './summarize-scene.ts';
import { waveformStep } from './waveform.ts';
import { webRenditionStep } from './web-rendition.ts';

let folder: string;
let bench: StepBench;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-odd-media-'));
  bench = new StepBench(folder, await readyTools());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const film = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=2'];
const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];

async function made(name: string, args: readonly string[]): Promise<string> {
  const file = path.join(folder, name);
  await ffmpeg([...args, '-t', '2', file]);
  return file;
}

/** Times of the pictures in the order in which they are to be seen. */
async function timesOf(file: string): Promise<number[]> {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', file];
  const { stdout } = await promisify(execFile)('ffprobe', args);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : Number.parseFloat(line)));
}

it('H.264 with B-frames in AVI, which has no times for them, is shown in the right order', async () => {
  const avi = await made('camera.avi', [...film, '-c:v', 'libx264', '-bf', '3', '-pix_fmt', 'yuv420p']);
  const run = await bench.afterProbe(webRenditionStep, avi);
  const times = await timesOf(path.join(run.scratch, 'rendition.mp4'));
  expect(times.length).toBeGreaterThan(45);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

it('a quick look gives the same pictures the same times in AVI, which has none for them, as in MP4', async () => {
  const brighter = ['-f', 'lavfi', '-i', "color=gray:s=160x90:r=25:d=20,format=gray,geq='lum=20+T*10'"];
  const look = async (name: string) => {
    const file = path.join(folder, name);
    await ffmpeg([...brighter, '-c:v', 'libx264', '-bf', '3', '-g', '25', '-pix_fmt', 'yuv420p', file]);
    const { output, scratch } = await bench.afterProbe(quickLookStep, file);
    const pictures = output['pictures'] as { name: string; time: number }[];
    const brightness = async (picture: string) => greyOf(await readFile(path.join(scratch, picture))).values[0] ?? 0;
    return Promise.all(pictures.map(async (each) => ({ time: each.time, brightness: await brightness(each.name) })));
  };
  const [known, found] = [await look('clock.mp4'), await look('clock.avi')];
  expect(found).toHaveLength(8);
  found.forEach(({ time, brightness }, i) => {
    expect(Math.abs(brightness - (known[i]?.brightness ?? 0))).toBeLessThan(2);
    expect(Math.abs(time - (known[i]?.time ?? 0))).toBeLessThan(0.2);
  });
});

it.each([
  ['a keyframe every two seconds', '50', [0, 5, 9]],
  ['a keyframe every ten seconds', '250', [0]],
])('a still of a transport stream with %s is the picture of that time or none', async (_, keyframes, found) => {
  const brighter = ['-f', 'lavfi', '-i', "color=black:s=320x180:r=25:d=12,eq=brightness='t/16':eval=frame"];
  const sound = ['-f', 'lavfi', '-i', 'sine=d=12', '-c:a', 'mp2'];
  const file = path.join(folder, `stream-${keyframes}.ts`);
  await ffmpeg([...brighter, ...sound, ...x264, '-g', keyframes, '-sc_threshold', '0', file]);
  const tools = await readyTools();
  const { signal } = new AbortController();
  const media = (await bench.probe(file)).output['media'] as MediaInfo;
  const still = async (time: number) => {
    const request = { tools, file, media, stream: 0, time, pixels: 320, signal, clock: systemClock, timeoutMs: 60_000 };
    const jpeg = await stillAt(request);
    return jpeg && (greyOf(jpeg).values[0] ?? 0);
  };
  // Brightness rises by 18.4 a second.
  const first = (await still(0)) ?? Number.NaN;
  for (const time of [0, 5, 9]) {
    const brightness = await still(time);
    if (brightness === null) expect(found).not.toContain(time);
    else expect(Math.abs(brightness - first - time * 18.4)).toBeLessThan(8);
  }
});

it.each([10, 12, 16, 24])('%i channels without names are measured, heard and converted', async (channels) => {
  const tones = Array.from({ length: channels }, (_, i) => `0.2*sin(${100 * (i + 1)}*t)`).join('|');
  const sound = ['-f', 'lavfi', '-i', `aevalsrc=${tones}:d=2`, '-c:a', 'pcm_s16le'];
  const mov = await made(`${channels}.mov`, [...film, ...sound, ...x264]);
  const scan = await bench.afterProbe(scanVideoStep, mov);
  const analysis = await scan.json<Analysis>(`${channels}.analytic.json`);
  expect(analysis).toMatchObject({ decoded: { frames: 50 }, warnings: [] });
  expect(analysis.decoded.audioSeconds).toBeCloseTo(2, 1);
  expect(analysis.audio?.integratedLufs).toBeGreaterThan(-60);
  expect((await bench.afterProbe(extractSpeechStep, mov)).output).toMatchObject({ seconds: 2 });
  expect((await bench.afterProbe(webRenditionStep, mov)).output).toMatchObject({ audio: 'encode' });
});

it.each([
  ['mkv', 'png', 'rgb24'],
  ['mov', 'mjpeg', 'yuvj420p'],
])(
  'a picture before the film that nobody marked as a cover is not taken for the film (%s)',
  async (type, codec, pixels) => {
    const slate = ['-f', 'lavfi', '-i', 'color=red:s=600x600:r=25:d=0.04'];
    const streams = ['-map', '0', '-map', '1', ...x264, '-c:v:0', codec, '-pix_fmt:v:0', pixels];
    const file = await made(`slate.${type}`, [...slate, ...film, ...streams]);
    const analysis = await (await bench.afterProbe(scanVideoStep, file)).json<Analysis>('slate.analytic.json');
    expect(analysis).toMatchObject({ media: { video: { codec: 'h264', width: 320 } }, decoded: { frames: 50 } });
    expect((await bench.afterProbe(webRenditionStep, file)).output).toMatchObject({ video: 'copy', width: 320 });
  },
);

it('the size of a film whose pixels are not square is the one at which it is shown', async () => {
  const file = await made('wide.mp4', ['-f', 'lavfi', '-i', 'color=gray:s=180x144:r=25:d=1,setsar=64/45', ...x264]);
  const scan = await bench.afterProbe(scanVideoStep, file);
  expect((await scan.json<Analysis>('wide.analytic.json')).media.video).toMatchObject({ width: 180, height: 144 });
  const { output } = await bench.run(summarizeSceneStep, file, { inputs: { scan_video: scan } });
  expect(output['text']).toMatch(/^Video of 1 s, 256×144 at 25 frames per second/);
});

it('says the language of the track that it takes the sound from', async () => {
  const tones = ['-f', 'lavfi', '-i', 'sine=f=300', '-f', 'lavfi', '-i', 'sine=f=900'];
  const tracks = ['-map', '0', '-map', '1', '-map', '2', '-disposition:a:0', '0', '-disposition:a:1', 'default'];
  const languages = ['-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=deu'];
  const mkv = await made('two.mkv', [...film, ...tones, ...tracks, ...languages, ...x264]);
  expect((await bench.afterProbe(extractSpeechStep, mkv)).output).toMatchObject({ language: 'eng' });
  const second = await bench.afterProbe(extractSpeechStep, mkv, { track: 1 });
  expect(second.output).toMatchObject({ language: 'deu' });
});

it('sound that begins later than the picture of a transport stream is shown and heard at its time', async () => {
  const late = ['-itsoffset', '2', '-f', 'lavfi', '-i', 'sine=f=500:d=2', '-map', '0', '-map', '1', '-c:a', 'aac'];
  const file = path.join(folder, 'late-sound.ts');
  await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=4', ...late, ...x264, file]);
  const wave = await (await bench.afterProbe(waveformStep, file)).json<Waveform>('waveform.json');
  const loud = wave.data.findIndex((value) => Math.abs(value) > 8);
  expect(((loud >> 1) * wave.samples_per_pixel) / wave.sample_rate).toBeCloseTo(2, 0);
  const speech = await bench.afterProbe(extractSpeechStep, file);
  expect(speech.output['seconds']).toBeCloseTo(4, 0);
});

it.each([0.02, 0.05, 0.25])('a sound of %d s is measured', async (seconds) => {
  const file = path.join(folder, 'click.wav');
  await ffmpeg(['-f', 'lavfi', '-i', `sine=f=500:d=${seconds}`, file]);
  const scan = await bench.afterProbe(scanVideoStep, file);
  const { decoded, warnings } = await scan.json<Analysis>('click.analytic.json');
  expect(decoded.audioSeconds).toBeCloseTo(seconds, 1);
  expect(decoded.audioSeconds).toBeGreaterThan(0);
  expect(warnings).toEqual([]);
});

it('a machine that is too slow for pictures is not the fault of the file', async () => {
  const mp4 = await made('film.mp4', [...film, ...x264]);
  const slow = path.join(folder, 'slow-ffmpeg');
  await writeFile(slow, '#!/bin/sh\nexec sleep 60\n');
  await chmod(slow, 0o755);
  const busy = new StepBench(path.join(folder), { ...(await readyTools()), ffmpeg: slow });
  const failure = await busy.afterProbe(quickLookStep, mp4, { secondsMax: 0.1 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).not.toBeInstanceOf(PermanentStepError);
});
