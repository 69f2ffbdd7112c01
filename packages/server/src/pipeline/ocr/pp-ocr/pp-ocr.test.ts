/** Issue 4 part 6: text in pictures by PP-OCRv4, the real models in their own process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../../../test/media-samples.ts';
import { readyTools, StepBench } from '../../../../test/step-bench.ts';
import { type OnScreenText, readTextStep } from '../../steps/read-text.ts';
import { scanVideoStep } from '../../steps/scan-video.ts';
import { spell } from './ctc.ts';
import { installedPpOcr } from './installed.ts';
import { planesOf } from './pixels.ts';
import { PpOcr } from './pp-ocr.ts';
import { boxRules, inReadingOrder, textBoxes } from './text-boxes.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-ocr-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const font = '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf';
const write = (text: string, size: number, colour: string, place: string) =>
  `drawtext=fontfile=${font}:text='${text}':fontsize=${size}:fontcolor=${colour}:${place}`;
/** Blurred patches of colour with grain, as in a film. */
const film =
  'life=s=320x180:r=5:mold=10:ratio=0.3:death_color=#402010:life_color=#c0a080:seed=3,scale=1280:720,boxblur=6,noise=alls=20';
const subtitle = write('Where were you on the night of the storm?', 40, 'white', 'x=(w-tw)/2:y=640:borderw=2');
const plate = write('Dr Helen Murray', 22, 'white', 'x=90:y=560:box=1:boxcolor=navy@0.7:boxborderw=8');
const slide = [
  write('Why uploads break', 60, 'black', 'x=90:y=80'),
  write('Next review on 14 March 2027', 34, 'black', 'x=90:y=200'),
];

describe('PP-OCRv4', () => {
  it('D3: reads slides, subtitles and name plates of a film with places in its keyframes, and nothing where nothing is', async () => {
    const file = path.join(folder, 'film.mp4');
    const [first, second, third] = [`color=white:s=1280x720:r=5,${slide}`, `${film},${subtitle},${plate}`, film];
    await ffmpeg([
      ...[first, second, third].flatMap((source) => ['-f', 'lavfi', '-t', '1.6', '-i', source]),
      ...['-filter_complex', '[0]format=yuv420p[a];[1]format=yuv420p[b];[2]negate,format=yuv420p[c];[a][b][c]concat=3'],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '20', file],
    ]);
    const bench = new StepBench(folder, await readyTools());
    const scan = await bench.afterProbe(scanVideoStep, file);
    const params = { engine: 'pp-ocr', language: 'eng' };
    const run = await bench.run(readTextStep, file, { inputs: { scan_video: scan }, params });
    const { pictures } = await run.json<OnScreenText>('on-screen-text.json');
    expect(pictures.map((picture) => picture.lines.map((line) => line.text))).toEqual([
      ['Why uploads break', 'Next review on 14 March 2027'],
      ['Dr Helen Murray', 'Where were you on the night of the storm?'],
      [],
    ]);
    expect(run.output).toMatchObject({ engine: 'pp-ocr', engineVersion: expect.stringMatching(/^PP-OCRv4 /) });
    // Written at x 90, y 560 of 1280 × 720; keyframes are half as large.
    const { x, y, height } = pictures[1]?.lines[0]?.box ?? { x: 0, y: 0, height: 0 };
    expect([Math.abs(x - 45), Math.abs(y + height / 2 - 285)].every((off) => off < 12)).toBe(true);
    expect(pictures[1]?.lines.every((line) => line.confidence > 0.8)).toBe(true);
  });

  it('says no to what is no picture, goes on, and ends with its signal', async () => {
    const installed = installedPpOcr();
    if (installed === null) throw new Error('the packages are dev dependencies');
    const controller = new AbortController();
    await using reader = await PpOcr.open(installed, controller.signal);
    await expect(reader.read(Buffer.from('no picture'))).rejects.toThrow(/SOI|JPEG/i);
    const blank = path.join(folder, 'blank.jpg');
    await ffmpeg(['-f', 'lavfi', '-i', 'color=gray:s=64x48', '-frames:v', '1', blank]);
    const jpeg = await readFile(blank);
    expect(await reader.read(jpeg)).toEqual([]);
    const late = reader.read(jpeg);
    controller.abort();
    await expect(late).rejects.toThrow('aborted');
  });
});

describe('what comes before and after the models', () => {
  it('finds boxes of likely places that hang together, grown again, in reading order', () => {
    const [width, height] = [100, 60];
    const values = new Float32Array(width * height);
    const fill = (x: number, y: number, w: number, h: number, level: number) => {
      for (let v = y; v < y + h; v += 1) values.fill(level, v * width + x, v * width + x + w);
    };
    fill(60, 11, 30, 10, 0.9);
    fill(5, 10, 30, 10, 0.9);
    fill(5, 40, 30, 10, 0.5);
    fill(60, 40, 30, 2, 0.9);
    const boxes = textBoxes({ width, height, values }, boxRules);
    const grownBy = (30 * 10 * 1.5) / (2 * 40);
    expect(inReadingOrder(boxes.map((box) => ({ box }))).map(({ box }) => box)).toEqual(
      [
        { x: 0, y: 10 - grownBy, width: 35 + grownBy, height: 10 + 2 * grownBy },
        { x: 60 - grownBy, y: 11 - grownBy, width: 40, height: 10 + 2 * grownBy }, // cut at the right edge
      ].map((box) => expect.objectContaining({ x: expect.closeTo(box.x), y: expect.closeTo(box.y) })),
    );
  });

  it('spells by the best class of each step, with spaces where the model only hints at them', () => {
    const characters = ['a', 'b'];
    const [blank, a, b] = [
      [1, 0, 0, 0],
      [0, 0.8, 0.2, 0],
      [0, 0.1, 0.9, 0],
    ];
    const steps = (...rows: (readonly number[] | undefined)[]) => Float32Array.from(rows.flatMap((row) => row ?? []));
    expect(spell(steps(a, a, blank, a, b, [0, 0, 0, 1], b), characters).text).toBe('aab b');
    expect(spell(steps(a, [0.9, 0, 0, 0.05], b, [0.99, 0, 0, 0.01], b), characters).text).toBe('a bb');
    expect(spell(steps(a, b), characters).confidence).toBeCloseTo(0.85);
    expect(spell(steps(blank, [0, 0, 0, 1]), characters)).toEqual({ text: '', confidence: 0 });
  });

  it('takes parts of pictures at other sizes, upright writing turned', () => {
    const colours = [0, 50, 100, 150, 200, 250];
    const pixels = { width: 2, height: 3, data: Uint8Array.from(colours.flatMap((grey) => [grey, grey, grey])) };
    const plain = { mean: [0, 0, 0], deviation: [1, 1, 1] } as const;
    const grey = (
      part: { x: number; y: number; width: number; height: number },
      size: Parameters<typeof planesOf>[2],
    ) =>
      [...planesOf(pixels, part, size, plain).values.subarray(0, (size.paddedWidth ?? size.width) * size.height)].map(
        (value) => Math.round(value * 255),
      );
    const whole = { x: 0, y: 0, width: 2, height: 3 };
    expect(grey(whole, { width: 2, height: 3 })).toEqual(colours);
    expect(grey(whole, { width: 1, height: 1 })).toEqual([125]);
    expect(grey({ x: 0, y: 0, width: 2, height: 1 }, { width: 4, height: 1, paddedWidth: 5 })).toEqual([
      0, 13, 38, 50, 0,
    ]);
    // A quarter to the left: the right column is the top row, read downwards.
    expect(grey(whole, { width: 3, height: 2, turned: true })).toEqual([50, 150, 250, 0, 100, 200]);
  });
});
