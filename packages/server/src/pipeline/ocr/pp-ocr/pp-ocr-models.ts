/**
 * PP-OCRv4 (PaddleOCR, Apache 2.0) with own steps before and after its two models, by onnxruntime-web: WebAssembly in one thread. Loaded only
 * in a process of its own.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { InferenceSession, TypedTensor } from 'onnxruntime-web';
import type { Box, TextLine } from '../text-reader.ts';
import { spell } from './ctc.ts';
import type { InstalledPpOcr } from './installed.ts';
import { type Normalisation, type Pixels, type Planes, planesOf } from './pixels.ts';
import { boxRules, inReadingOrder, textBoxes } from './text-boxes.ts';

type Runtime = typeof import('onnxruntime-web');

/** Long side of the picture in which lines are looked for. */
const detectionSideMax = 960;
/** The model halves its picture five times. */
const detectionStep = 32;
const lineHeight = 48;
/** Shorter lines are filled up: the model was trained on lines of this length and more. */
const lineWidthMin = 160;
const lineWidthMax = 3_200;
/** What is less sure is a pattern of the picture more often than text. */
const confidenceMin = 0.6;
/** From here on, a box is of writing that runs downwards. */
const uprightRatio = 1.5;

const detectionNormalisation: Normalisation = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
const recognitionNormalisation: Normalisation = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };

export class PpOcrModels {
  readonly #runtime: Runtime;
  readonly #detection: InferenceSession;
  readonly #recognition: InferenceSession;
  readonly #characters: readonly string[];

  private constructor(
    runtime: Runtime,
    sessions: { readonly detection: InferenceSession; readonly recognition: InferenceSession },
    characters: readonly string[],
  ) {
    this.#runtime = runtime;
    this.#detection = sessions.detection;
    this.#recognition = sessions.recognition;
    this.#characters = characters;
  }

  static async load({ detection, recognition, dictionary }: InstalledPpOcr): Promise<PpOcrModels> {
    const runtime = createRequire(import.meta.url)('onnxruntime-web') as Runtime;
    runtime.env.wasm.numThreads = 1;
    const open = (file: string) =>
      runtime.InferenceSession.create(readFileSync(file), { executionProviders: ['wasm'] });
    const sessions = { detection: await open(detection), recognition: await open(recognition) };
    return new PpOcrModels(runtime, sessions, readFileSync(dictionary, 'utf8').trimEnd().split('\n'));
  }

  async read(pixels: Pixels): Promise<TextLine[]> {
    const lines: TextLine[] = [];
    for (const box of await this.#boxes(pixels)) {
      const { text, confidence } = await this.#line(pixels, box);
      if (confidence >= confidenceMin && /[\p{L}\p{N}]/u.test(text)) lines.push({ text, confidence, box });
    }
    return inReadingOrder(lines);
  }

  async #boxes(pixels: Pixels): Promise<Box[]> {
    const scale = Math.min(1, detectionSideMax / Math.max(pixels.width, pixels.height));
    const side = (length: number) =>
      Math.max(detectionStep, Math.round((length * scale) / detectionStep) * detectionStep);
    const size = { width: side(pixels.width), height: side(pixels.height) };
    const whole = { x: 0, y: 0, width: pixels.width, height: pixels.height };
    const values = await this.#run(this.#detection, planesOf(pixels, whole, size, detectionNormalisation));
    const [across, down] = [pixels.width / size.width, pixels.height / size.height];
    return textBoxes({ ...size, values }, boxRules).map((box) => ({
      x: box.x * across,
      y: box.y * down,
      width: box.width * across,
      height: box.height * down,
    }));
  }

  async #line(pixels: Pixels, box: Box): Promise<{ text: string; confidence: number }> {
    const turned = box.height >= box.width * uprightRatio;
    const ratio = turned ? box.height / box.width : box.width / box.height;
    const width = Math.max(1, Math.min(lineWidthMax, Math.ceil(lineHeight * ratio)));
    const size = { width, height: lineHeight, turned, paddedWidth: Math.max(lineWidthMin, Math.ceil(width / 8) * 8) };
    const planes = planesOf(pixels, box, size, recognitionNormalisation);
    return spell(await this.#run(this.#recognition, planes), this.#characters);
  }

  async #run(session: InferenceSession, { width, height, values }: Planes): Promise<Float32Array> {
    const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]];
    const tensor = new this.#runtime.Tensor('float32', values, [1, 3, height, width]);
    const result = (await session.run({ [input]: tensor }))[output] as TypedTensor<'float32'>;
    return result.data;
  }
}
