/** A short film to look at: colours, a slide with text, a fade, two voices. Made by ffmpeg and Debian's flite. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Who says what, and the silence before it. */
const lines = [
  {
    voice: 'slt',
    silence: 0.5,
    words: 'Welcome to the lecture. Today we follow a large file on its way over a bad connection.',
  },
  {
    voice: 'rms',
    silence: 1.7,
    words: 'Every byte that was acknowledged is kept. The server says so before the sender forgets.',
  },
  { voice: 'slt', silence: 1.7, words: 'And when the line comes back, the upload goes on where it was.' },
] as const;

const size = '854x480:r=25';
const shots = [
  { seconds: 5, source: `gradients=s=${size}:c0=#0b2b40:c1=#e07a3f:c2=#f3c98b:n=3:seed=3` },
  { seconds: 3, source: `mandelbrot=s=${size}:start_scale=0.6:end_scale=0.1:end_pts=150:maxiter=120` },
  { seconds: 6, source: `gradients=s=${size}:c0=#0c3b35:c1=#0f5a4e:n=2:seed=5:speed=0.003` },
  {
    seconds: 5,
    source: `mandelbrot=s=${size}:start_x=-0.7436:start_y=0.1318:start_scale=0.05:end_scale=0.02:end_pts=100:maxiter=150`,
  },
] as const;

export const lectureSeconds = shots.reduce((sum, { seconds }) => sum + seconds, 0);

/** Writes `name` into the folder; resolves to its path. The slide is the third shot, the last begins with a fade. */
export async function makeLecture(folder: string, name: string): Promise<string> {
  const voices = lines.map((_, i) => join(folder, `voice-${i}.wav`));
  await Promise.all(
    lines.map(({ voice, words }, i) => run('flite', ['-voice', voice, '-t', words, '-o', voices[i] ?? ''])),
  );
  const font = '/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf';
  const text = (words: string, pixels: number, y: number) =>
    `drawtext=fontfile=${font}:fontsize=${pixels}:fontcolor=white:x=60:y=${y}:text='${words}'`;
  const changes = [
    '',
    '',
    `,${text('Acknowledged is durable', 50, 150)},${text('Every byte is kept', 34, 240)}`,
    ',fade=t=in:d=0.8',
  ];
  const pictures = shots.map((_, i) => `[${i}]format=yuv420p,setsar=1${changes[i] ?? ''}[v${i}]`);
  const said = lines.map(
    ({ silence }, i) => `[${shots.length + i}]aresample=44100,adelay=${silence * 1000}:all=1[a${i}]`,
  );
  const joined = [
    `${shots.map((_, i) => `[v${i}]`).join('')}concat=n=${shots.length}:v=1:a=0[v]`,
    `${lines.map((_, i) => `[a${i}]`).join('')}concat=n=${lines.length}:v=0:a=1,apad[a]`,
  ];
  const path = join(folder, name);
  await run('ffmpeg', [
    ...['-v', 'error', '-y'],
    ...shots.flatMap(({ seconds, source }) => ['-f', 'lavfi', '-t', String(seconds), '-i', source]),
    ...voices.flatMap((voice) => ['-i', voice]),
    ...['-filter_complex', [...pictures, ...said, ...joined].join(';'), '-map', '[v]', '-map', '[a]'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '24', '-c:a', 'aac', '-t', String(lectureSeconds), path],
  ]);
  return path;
}
