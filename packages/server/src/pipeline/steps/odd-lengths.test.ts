/** Files whose stated length is not that of picture and sound. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../test/media-samples.ts';
import { readyTools, StepBench } from '../../../test/step-bench.ts';
import type { Analysis } from '../media/analysis.ts';
import { quickLookStep } from './quick-look.ts';
import { scanVideoStep } from './scan-video.ts';
import { webRenditionStep } from './web-rendition.ts';

let folder: string;
let bench: StepBench;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-odd-lengths-'));
  bench = new StepBench(folder, await readyTools());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const film = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=4'];
const sound = ['-f', 'lavfi', '-i', 'sine=f=440:r=48000:d=4'];
const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25'];
const subtitle = '1\n00:00:00,500 --> 00:00:02,000\nhello\n\n2\n00:00:59,000 --> 00:01:00,000\nlate\n';
const chapters = ';FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=60000\ntitle=all\n';

async function written(name: string, text: string): Promise<string> {
  await writeFile(path.join(folder, name), text);
  return path.join(folder, name);
}

/** Four seconds of film with sound. */
async function made(name: string, args: readonly string[]): Promise<string> {
  const file = path.join(folder, name);
  await ffmpeg([...film, ...sound, ...args, file]);
  return file;
}

describe('a film of four seconds', () => {
  const whole: [string, () => Promise<string>][] = [
    [
      'with subtitles for a minute in Matroska',
      async () => made('subtitles.mkv', ['-i', await written('s.srt', subtitle), ...x264, '-c:a', 'ac3']),
    ],
    [
      'with subtitles for a minute in QuickTime',
      async () =>
        made('subtitles.mov', ['-i', await written('s.srt', subtitle), ...x264, '-c:a', 'aac', '-c:s', 'mov_text']),
    ],
    [
      'with a chapter of a minute',
      async () =>
        made('chapter.mov', ['-i', await written('c.txt', chapters), '-map_metadata', '2', ...x264, '-c:a', 'aac']),
    ],
    [
      'with a second sound track of 40 s',
      () =>
        made('second.mkv', [
          ...['-f', 'lavfi', '-i', 'sine=d=40', '-map', '0', '-map', '1', '-map', '2'],
          ...[...x264, '-c:a', 'ac3'],
        ]),
    ],
    ['whose clock begins at five', () => made('late.mkv', [...x264, '-c:a', 'aac', '-output_ts_offset', '5'])],
  ];

  it.each(whole)('%s is neither damaged nor too short to be converted', async (_, make) => {
    const file = await make();
    const stem = path.basename(file).replace(/\..*/, '');
    const analysis = await (await bench.afterProbe(scanVideoStep, file)).json<Analysis>(`${stem}.analytic.json`);
    expect(analysis.warnings).toEqual([]);
    expect(analysis.video?.samples?.times).toHaveLength(4);
    const rendition = await bench.afterProbe(webRenditionStep, file);
    expect(rendition.output['seconds']).toBeCloseTo(4, 0);
    // A picture each second, and not of the minute that is not there.
    const { pictures } = (await bench.afterProbe(quickLookStep, file)).output as { pictures: unknown[] };
    expect(pictures.length).toBeGreaterThanOrEqual(4);
  });

  it('behind another whose clock was elsewhere is converted with it', async () => {
    const stream = [...x264, '-c:a', 'aac', '-f', 'mpegts'];
    const first = await made('first.ts', stream);
    const second = await made('second.ts', [...stream, '-output_ts_offset', '1000']);
    const both = path.join(folder, 'both.ts');
    await writeFile(both, Buffer.concat([await readFile(first), await readFile(second)]));
    expect((await bench.afterProbe(webRenditionStep, both)).output['seconds']).toBeCloseTo(8, 0);
    const analysis = await (await bench.afterProbe(scanVideoStep, both)).json<Analysis>('both.analytic.json');
    expect(analysis.warnings).toEqual([]);
    expect(analysis.decoded.seconds).toBeCloseTo(8, 0);
  });
});

it.each(['mp4', 'webm'])('slides of ten seconds each last to their end, the last one too (%s)', async (type) => {
  const file = path.join(folder, `slides.${type}`);
  const codec = type === 'mp4' ? x264 : ['-c:v', 'libvpx'];
  await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=1/10:d=30', ...codec, file]);
  const analysis = await (await bench.afterProbe(scanVideoStep, file)).json<Analysis>('slides.analytic.json');
  expect(analysis).toMatchObject({ decoded: { seconds: 30, frames: 3 }, warnings: [] });
  expect(analysis.video?.shots.at(-1)?.end).toBe(30);
});

it('the median of two shots lies between them', async () => {
  const [bars, noise] = ['smptebars=s=320x180:r=25:d=4', 'mandelbrot=s=320x180:r=25'];
  const both = ['-f', 'lavfi', '-i', bars, '-f', 'lavfi', '-i', noise];
  const joined = ['-filter_complex', '[1]trim=0:2,setpts=PTS-STARTPTS[b];[0][b]concat=n=2:v=1[v]', '-map', '[v]'];
  const file = path.join(folder, 'two-shots.mp4');
  await ffmpeg([...both, ...joined, ...x264, file]);
  const { video } = await (await bench.afterProbe(scanVideoStep, file)).json<Analysis>('two-shots.analytic.json');
  expect(video).toMatchObject({ shots: [{ duration: 4 }, { duration: 2 }], shotSecondsMean: 3, shotSecondsMedian: 3 });
});
