/** sherpa-onnx with the models of a folder, in a process of its own. */
import { readdir } from 'node:fs/promises';
import { PermanentStepError } from '../../context.ts';
import { NativeProcess } from '../native-process.ts';
import { decodePcm, sampleRate } from '../pcm.ts';
import type { Recogniser, RecogniserContext, Stretch } from '../recogniser.ts';
import { type SherpaResult, sherpaVersion } from '../sherpa.ts';
import type { Heard, HeardSegment, Word } from '../transcript.ts';
import { type SherpaModel, sherpaModelIn } from './sherpa-models.ts';

export class SherpaRecogniser implements Recogniser {
  readonly engineVersion: string;
  readonly grade = 'full';
  readonly punctuated: boolean;
  /** Whisper models take at most 30 s. */
  readonly chunkSeconds = 28;
  readonly #context: RecogniserContext;
  readonly #native: NativeProcess;

  private constructor(context: RecogniserContext, model: SherpaModel, native: NativeProcess) {
    this.#context = context;
    this.#native = native;
    this.punctuated = model.punctuated;
    this.engineVersion = `${sherpaVersion()} (${model.kind})`;
  }

  /** Rejects with `PermanentStepError` when the folder has no model that can be used. */
  static async open(context: RecogniserContext): Promise<SherpaRecogniser> {
    const { params, tools, signal } = context;
    if (sherpaVersion() === null)
      throw new PermanentStepError('The package sherpa-onnx-node is not installed: npm install sherpa-onnx-node.');
    const folder = params.model ?? '';
    const names = await readdir(folder).catch((cause: unknown) => {
      throw new PermanentStepError(`The folder of the speech model cannot be read: ${folder}`, { cause });
    });
    const model = sherpaModelIn(folder, names, { threads: tools.threads, language: params.language });
    if (model === null)
      throw new PermanentStepError(
        `${folder} has no model that is known: tokens.txt beside encoder, decoder and joiner, or encoder and decoder (whisper), or model.onnx in a folder named after its kind.`,
      );
    const native = new NativeProcess(signal);
    try {
      const config = { featConfig: { sampleRate, featureDim: 80 }, modelConfig: model.modelConfig };
      await native.request<null>({ op: 'recogniser-open', config });
      return new SherpaRecogniser(context, model, native);
    } catch (cause) {
      await native[Symbol.asyncDispose]();
      if (signal.aborted) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PermanentStepError(`The speech model in ${folder} cannot be used: ${why}`.slice(0, 600), { cause });
    }
  }

  async recognise(stretch: Stretch): Promise<Heard> {
    const { seconds } = stretch;
    const samples = await samplesOf(stretch, this.#context);
    const result = await this.#native.request<SherpaResult>({ op: 'recogniser-decode', samples });
    const language = result.lang?.replace(/[<>|]/g, '') ?? '';
    const text = result.text.trim();
    const segment: HeardSegment = { start: 0, end: seconds, text, words: wordsOfTokens(result, seconds) };
    return { segments: text === '' ? [] : [segment], language: language === '' ? null : language };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#native[Symbol.asyncDispose]();
  }
}

/** All of a stretch, however long. */
export async function samplesOf(
  { file, seconds }: Stretch,
  { tools, signal, clock, timeoutMs }: Pick<RecogniserContext, 'tools' | 'signal' | 'clock' | 'timeoutMs'>,
): Promise<Int16Array<ArrayBuffer>> {
  const blocks: Int16Array[] = [];
  const take = (block: Int16Array) => void blocks.push(block);
  await decodePcm({ tools, file, secondsMax: seconds + 1, signal, clock, timeoutMs, take });
  const samples = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return samples;
}

/** Tokens are parts of words; a word begins with a space or with `▁`. Without a time for each token there are no words. */
export function wordsOfTokens({ tokens = [], timestamps = [] }: SherpaResult, seconds: number): Word[] {
  if (tokens.length === 0 || tokens.length !== timestamps.length) return [];
  const words: { text: string; start: number; end: number; confidence: null }[] = [];
  tokens.forEach((token, i) => {
    const text = token.replaceAll('▁', ' ');
    const [start, end] = [timestamps[i] ?? 0, timestamps[i + 1] ?? seconds];
    const last = words.at(-1);
    if (last && !text.startsWith(' ')) {
      last.text += text;
      last.end = end;
    } else if (text.trim() !== '' || !last) words.push({ text: text.trimStart(), start, end, confidence: null });
  });
  // A word does not last until the next one begins after a long pause.
  return words.map((word) => ({ ...word, end: Math.min(word.end, word.start + 2) })).filter((word) => word.text !== '');
}
