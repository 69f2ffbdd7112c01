/** Media files with known content for tests, made by ffmpeg. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const sampleRate = 25;

/** Runs ffmpeg with trusted arguments of a test. */
export async function ffmpeg(args: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-nostdin', '-hide_banner', '-v', 'error', '-y', ...args], { maxBuffer: 16 * 1024 * 1024 });
}

interface Scene {
  readonly frames: number;
  /** Source and filters. */
  readonly source: string;
  /** How the scene before it ends; only hard cuts count. */
  readonly entry: 'cut' | 'fade';
}

const size = 's=640x360:r=25';
/** 51 s: hard cuts between very different, alike, dark, lively and still scenes; one fade through black, two flashes. */
const scenes: readonly Scene[] = [
  { frames: 75, source: `testsrc2=${size}`, entry: 'cut' },
  { frames: 105, source: `mandelbrot=${size}:end_scale=0.1`, entry: 'cut' },
  { frames: 60, source: `smptebars=${size},noise=alls=12:allf=t`, entry: 'cut' },
  {
    frames: 90,
    source: `gradients=${size}:c0=red:c1=yellow:nb_colors=2:x0=0:y0=0:x1=600:y1=300:seed=1:speed=0.01`,
    entry: 'cut',
  },
  { frames: 100, source: `life=${size}:mold=20:ratio=0.2:death_color=#C83232:life_color=#00ff00:seed=7`, entry: 'cut' },
  {
    frames: 50,
    source: `color=c=0x204080:${size},drawbox=x='20+t*100':y=100:w=120:h=120:c=white:t=fill`,
    entry: 'cut',
  },
  {
    frames: 70,
    source: `gradients=${size}:c0=navy:c1=teal:nb_colors=2:x0=0:y0=0:x1=600:y1=300:seed=2:speed=0.02`,
    entry: 'cut',
  },
  { frames: 75, source: `testsrc=${size}`, entry: 'cut' },
  // Two flashes: one white frame, and three bright ones.
  {
    frames: 125,
    source: `mandelbrot=${size}:start_scale=0.05:end_scale=0.01,drawbox=c=white:t=fill:enable='eq(n,40)',drawbox=c=white@0.8:t=fill:enable='between(n,90,92)'`,
    entry: 'cut',
  },
  { frames: 75, source: `color=c=0x181c20:${size},noise=alls=18:allf=t`, entry: 'cut' },
  { frames: 50, source: `rgbtestsrc=${size}`, entry: 'cut' },
  { frames: 90, source: `testsrc2=${size},hue=h=90,fade=t=out:st=2.4:d=1.2`, entry: 'cut' },
  {
    frames: 90,
    source: `gradients=${size}:c0=purple:c1=orange:nb_colors=2:x0=0:y0=0:x1=600:y1=300:seed=3:speed=0.01,fade=t=in:st=0:d=1.2`,
    entry: 'fade',
  },
  { frames: 75, source: `cellauto=${size}:rule=110:seed=5`, entry: 'cut' },
  { frames: 40, source: `yuvtestsrc=${size}`, entry: 'cut' },
  { frames: 20, source: `smptehdbars=${size}`, entry: 'cut' },
  { frames: 60, source: `mandelbrot=${size}:start_scale=0.5,negate`, entry: 'cut' },
  // Alike: the same pattern at two sizes, as two takes of one talking head.
  { frames: 60, source: `testsrc2=${size},crop=480:270:20:20,scale=640:360`, entry: 'cut' },
  { frames: 65, source: `testsrc2=${size},crop=320:180:200:100,scale=640:360`, entry: 'cut' },
];

export interface CutSample {
  readonly file: string;
  /** Seconds at which a new shot begins by a hard cut. */
  readonly cuts: readonly number[];
  readonly frames: number;
  readonly seconds: number;
}

/** The sample at a constant frame rate, with a tone that pauses from 10 s to 14 s. */
export async function makeCutSample(folder: string): Promise<CutSample> {
  const file = path.join(folder, 'cuts.mp4');
  const inputs = scenes.flatMap(({ source }) => ['-f', 'lavfi', '-i', source]);
  const trims = scenes.map(({ frames }, i) => `[${i}:v]trim=end_frame=${frames},format=yuv420p,setsar=1[s${i}]`);
  const frames = scenes.reduce((sum, scene) => sum + scene.frames, 0);
  const seconds = frames / sampleRate;
  const joined = `${scenes.map((_, i) => `[s${i}]`).join('')}concat=n=${scenes.length}[v]`;
  const tone = `sine=f=330:d=${seconds},volume=0:enable='between(t,10,14)'`;
  await ffmpeg([
    ...[...inputs, '-f', 'lavfi', '-i', tone, '-filter_complex', [...trims, joined].join(';')],
    ...['-map', '[v]', '-map', `${scenes.length}:a`, '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '24'],
    ...['-g', '250', '-c:a', 'aac', '-b:a', '48k', '-movflags', '+faststart', file],
  ]);
  return { file, cuts: cutTimes(), frames, seconds };
}

function cutTimes(): number[] {
  const cuts: number[] = [];
  let at = 0;
  scenes.forEach(({ frames, entry }, i) => {
    if (i > 0 && entry === 'cut') cuts.push(at / sampleRate);
    at += frames;
  });
  return cuts;
}

/** The same pictures with two of three frames left out in the middle, so that counting frames gives wrong times. */
export async function makeVariableRateSample(sample: CutSample, folder: string): Promise<CutSample> {
  const file = path.join(folder, 'vfr.mp4');
  const kept = [...sample.cuts.map((cut) => `eq(n,${Math.round(cut * sampleRate)})`)].join('+');
  const sparse = `if(between(n,150,700),not(mod(n,3)),1)+${kept}`;
  await ffmpeg([
    ...['-i', sample.file, '-an', '-vf', `select='${sparse}'`, '-fps_mode', 'passthrough'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '24', file],
  ]);
  return { ...sample, file };
}

export interface Score {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly missed: readonly number[];
  readonly invented: readonly number[];
}

/** Matches found cuts with true ones, each at most once, within the tolerance in seconds. */
export function scoreCuts(truth: readonly number[], found: readonly number[], tolerance: number): Score {
  const left = new Set(found);
  const missed: number[] = [];
  for (const cut of truth) {
    const match = [...left].find((time) => Math.abs(time - cut) <= tolerance);
    if (match === undefined) missed.push(cut);
    else left.delete(match);
  }
  const hits = truth.length - missed.length;
  const precision = found.length === 0 ? 0 : hits / found.length;
  const recall = hits / truth.length;
  return { precision, recall, f1: (2 * hits) / (found.length + truth.length), missed, invented: [...left] };
}
