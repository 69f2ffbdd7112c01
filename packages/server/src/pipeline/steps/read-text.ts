/** Step `read_text`: the text in the pictures of shots, `on-screen-text.json`, and what search finds it by. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import type { StepContext } from '../context.ts';
import { defineStep } from '../definition.ts';
import { rounded } from '../media/analysis.ts';
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
});
type Params = Static<typeof paramsSchema>;

const howToEnable: Readonly<Record<Params['engine'], string>> = {
  none: 'No engine that reads text is installed, or textEngine is "none": npm install tesseract.js @tesseract.js-data/eng.',
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
  version: '1',
  class: 'recognition',
  priority: 42,
  attemptsMax: 4,
  timeoutMs: 6 * 3_600_000,
  needs: ['scan_video'],
  params: { engine: 'none', language: 'eng', picturesMax: 500 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { params, inputs, asset, scratch, signal } = context;
    const shots = (await readAnalysis(inputs)).video?.shots ?? [];
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
    const read = await readPictures(context, reader, pictures.slice(0, params.picturesMax));
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
  reader: TextReader,
  pictures: readonly Picture[],
): Promise<ReadPicture[]> {
  const scan = context.inputs['scan_video'];
  const read: ReadPicture[] = [];
  let last: { readonly grey: Grey; readonly picture: ReadPicture } | null = null;
  for (const picture of pictures) {
    context.signal.throwIfAborted();
    const jpeg = await readFile(scan?.artifactPath(picture.keyframe) ?? '');
    const grey = greyOf(jpeg);
    const same: ReadPicture | null = last !== null && looksSame(last.grey, grey) ? last.picture : null;
    const lines = same?.lines ?? (await reader.read(jpeg)).map(plain);
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

function plain({ text, confidence, box }: TextLine): TextLine {
  const { x, y, width, height } = box;
  const whole = { x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) };
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
