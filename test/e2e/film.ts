/** A film with known cuts, speech and music, made by ffmpeg and Debian's flite. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Film {
  readonly path: string;
  /** Seconds at which a new shot begins; the first shot begins at 0 and is not in here. */
  readonly cuts: readonly number[];
}

/** Pictures that look nothing like each other, as ffmpeg sources; each takes the size and rate. */
const pictures: readonly ((size: string) => string)[] = [
  (size) => `testsrc2=s=${size}:r=25`,
  (size) => `mandelbrot=s=${size}:r=25`,
  (size) => `smptebars=s=${size}:r=25`,
  (size) => `gradients=s=${size}:r=25:seed=7:c0=0x205080:c1=0xe0a040:n=2`,
  (size) => `life=s=${size}:r=25:seed=3:ratio=0.2:mold=10:life_color=#30c060:death_color=#103018`,
  (size) => `rgbtestsrc=s=${size}:r=25`,
];

export interface FilmWish {
  readonly dir: string;
  readonly size: string;
  /** Seconds of each shot, in order. */
  readonly shots: readonly number[];
  /** Bits per second of the picture. */
  readonly bitrate: string;
  /** What is said; a lecture's beginning unless given. */
  readonly words?: string;
  /** A voice of flite. */
  readonly voice?: string;
  /** Which of the pictures comes first. */
  readonly firstPicture?: number;
  /** Volume of the music behind the words; 1 unless given. */
  readonly music?: number;
}

export async function makeFilm(wish: FilmWish): Promise<Film> {
  const speech = join(wish.dir, 'speech.wav');
  const { voice = 'slt', firstPicture = 0, music: volume = 1 } = wish;
  const text =
    wish.words ??
    'Welcome to the lecture. Today we follow a large file on its way over a bad connection. Every byte that was acknowledged is kept.';
  await run('flite', ['-voice', voice, '-t', text, '-o', speech]);
  const seconds = wish.shots.reduce((sum, s) => sum + s, 0);
  const sources = wish.shots.flatMap((s, i) => [
    '-f',
    'lavfi',
    '-t',
    String(s),
    '-i',
    (pictures[(firstPicture + i) % pictures.length] ?? pictures[0])?.(wish.size) ?? '',
  ]);
  const music = `aevalsrc='${volume}*(0.08*sin(2*PI*220*t)+0.06*sin(2*PI*277.2*t)+0.05*sin(2*PI*329.6*t)*(1+sin(2*PI*0.5*t)))':s=44100:d=${seconds}`;
  const count = wish.shots.length;
  const inputs = wish.shots.map((_, i) => `[${i}:v]`).join('');
  const graph = `${inputs}concat=n=${count}:v=1:a=0,noise=alls=14:allf=t,format=yuv420p[v];[${count}:a]aresample=44100,apad[s];[s][${count + 1}:a]amix=inputs=2:duration=shortest[a]`;
  const path = join(wish.dir, 'lecture.mp4');
  const encode = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-b:v',
    wish.bitrate,
    '-minrate',
    wish.bitrate,
    '-maxrate',
    wish.bitrate,
    '-bufsize',
    wish.bitrate,
    '-x264-params',
    'nal-hrd=cbr',
  ];
  await run('ffmpeg', [
    '-v',
    'error',
    '-y',
    ...sources,
    '-i',
    speech,
    '-f',
    'lavfi',
    '-i',
    music,
    '-filter_complex',
    graph,
    '-map',
    '[v]',
    '-map',
    '[a]',
    ...encode,
    '-c:a',
    'aac',
    '-t',
    String(seconds),
    path,
  ]);
  const cuts: number[] = [];
  for (const shot of wish.shots.slice(0, -1)) cuts.push((cuts.at(-1) ?? 0) + shot);
  return { path, cuts };
}

/** F1 of found cuts against known ones, each matched at most once within the tolerance in seconds. */
export function scoreCuts(known: readonly number[], found: readonly number[], tolerance: number): number {
  const left = [...found];
  let hits = 0;
  for (const cut of known) {
    const at = left.findIndex((f) => Math.abs(f - cut) <= tolerance);
    if (at === -1) continue;
    left.splice(at, 1);
    hits += 1;
  }
  return (2 * hits) / (known.length + found.length);
}
