/** Speech with known words for tests: a meeting report, written for this, read by the voices of flite. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { speak, type Voice } from '../src/testing/recognise.ts';
import { ffmpeg } from './media-samples.ts';

export interface Part {
  readonly voice: Voice;
  readonly text: string;
}

export const report: readonly Part[] = [
  {
    voice: 'slt',
    text: 'Good morning and welcome to the weekly project meeting. We will look at the work of last week first. After that we will talk about the plan for the next month.',
  },
  {
    voice: 'rms',
    text: 'The new upload service is ready for the first customers. Large video files now arrive without errors. Two people are still working on the documentation.',
  },
  {
    voice: 'awb',
    text: 'The budget for this year has been approved by the board. We can hire one more engineer in the spring. Please send me your questions by the end of the week.',
  },
  {
    voice: 'kal16',
    text: 'Our next meeting will take place on Monday morning. The office will be closed on Friday because of the holiday. Thank you all for your help and have a good weekend.',
  },
];

export interface SpokenPart extends Part {
  readonly start: number;
  readonly end: number;
}

const pauseSeconds = 2;

/** All parts behind each other with pauses, as WAV of 44.1 kHz, stereo. */
export async function spokenReport(
  folder: string,
  parts: readonly Part[] = report,
): Promise<{ file: string; parts: SpokenPart[] }> {
  const files = parts.map((_, i) => path.join(folder, `part-${i}.wav`));
  await Promise.all(parts.map(({ voice, text }, i) => speak({ voice, text, file: files[i] ?? '' })));
  const lengths = await Promise.all(files.map(wavSeconds));
  const file = path.join(folder, 'report.wav');
  const chain = files.map((_, i) => `[${i}]aresample=44100,apad=pad_dur=${pauseSeconds}[p${i}]`);
  const joined = `${files.map((_, i) => `[p${i}]`).join('')}concat=n=${files.length}:v=0:a=1[out]`;
  await ffmpeg([
    ...files.flatMap((each) => ['-i', each]),
    '-filter_complex',
    [...chain, joined].join(';'),
    '-map',
    '[out]',
    '-ac',
    '2',
    file,
  ]);
  let at = 0;
  const placed = parts.map((part, i) => {
    const start = at;
    at += (lengths[i] ?? 0) + pauseSeconds;
    return { ...part, start, end: at - pauseSeconds };
  });
  return { file, parts: placed };
}

async function wavSeconds(file: string): Promise<number> {
  return ((await stat(file)).size - 44) / 32_000;
}

/** The words of slides, one for each part of the report. */
export const slides = [
  ['Weekly project meeting', 'Agenda for November'],
  ['Upload service', 'First customers in place'],
  ['Budget approved', 'One engineer in spring'],
  ['Next meeting', 'Office closed on Friday'],
] as const;

/** A film of the report: a slide for each part, the sound under it. */
export async function reportFilm(folder: string): Promise<{ file: string; parts: SpokenPart[] }> {
  const { file: sound, parts } = await spokenReport(folder);
  const colours = ['white', '0xfff2cc', '0xd9ead3', '0xcfe2f3'];
  const inputs = parts.flatMap(({ start, end }, i) => {
    const next = parts[i + 1]?.start ?? end + pauseSeconds;
    return ['-f', 'lavfi', '-i', `color=${colours[i]}:s=960x540:r=5:d=${(next - start).toFixed(3)}`];
  });
  const drawn = parts.map((_, i) => {
    const [title, line] = slides[i] ?? ['', ''];
    return `[${i}]drawtext=text='${title}':fontsize=64:x=60:y=80,drawtext=text='${line}':fontsize=36:x=60:y=260[s${i}]`;
  });
  const joined = `${parts.map((_, i) => `[s${i}]`).join('')}concat=n=${parts.length}[v]`;
  const file = path.join(folder, 'report.mp4');
  await ffmpeg([
    ...[
      ...inputs,
      '-i',
      sound,
      '-filter_complex',
      [...drawn, joined].join(';'),
      '-map',
      '[v]',
      '-map',
      `${parts.length}:a`,
    ],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-crf',
      '20',
      '-pix_fmt',
      'yuv420p',
      '-c:a',
      'aac',
      '-b:a',
      '128k',
      file,
    ],
  ]);
  return { file, parts };
}
