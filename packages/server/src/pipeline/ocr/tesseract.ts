/** Tesseract (as WebAssembly, in a thread of its own) with data from an npm package: it never fetches anything. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { TextLine, TextReader } from './text-reader.ts';

type TesseractModule = typeof import('tesseract.js');
type Worker = Awaited<ReturnType<TesseractModule['createWorker']>>;

/** Words that it is less sure of are patterns of the picture more often than words. */
const confidenceMin = 70;

export interface InstalledTesseract {
  readonly version: string;
  /** Folder with the data of the language. */
  readonly data: string;
}

/** Null when the package or its data for the language (`eng`, `deu` …) is not installed. */
export function installedTesseract(language: string): InstalledTesseract | null {
  const require = createRequire(import.meta.url);
  try {
    const manifest = JSON.parse(readFileSync(require.resolve('tesseract.js/package.json'), 'utf8')) as {
      version: string;
    };
    const data = path.dirname(require.resolve(`@tesseract.js-data/${language}/package.json`));
    return { version: manifest.version, data: path.join(data, '4.0.0_best_int') };
  } catch {
    return null;
  }
}

export class Tesseract implements TextReader {
  readonly #worker: Worker;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => void this.#worker.terminate();

  private constructor(worker: Worker, signal: AbortSignal) {
    this.#worker = worker;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  static async open(installed: InstalledTesseract, language: string, signal: AbortSignal): Promise<Tesseract> {
    const { createWorker } = createRequire(import.meta.url)('tesseract.js') as TesseractModule;
    const worker = await createWorker(language, 1, {
      langPath: installed.data,
      cacheMethod: 'none',
      gzip: true,
      // Without it, trouble in the thread would end the server; the promises reject as well.
      errorHandler: () => {},
    });
    await worker.setParameters({ debug_file: '/dev/null' } as Parameters<Worker['setParameters']>[0]);
    return new Tesseract(worker, signal);
  }

  async read(jpeg: Uint8Array): Promise<TextLine[]> {
    const { data } = await this.#untilAborted(this.#worker.recognize(Buffer.from(jpeg), {}, { blocks: true }));
    const lines = (data.blocks ?? []).flatMap((block) => block.paragraphs.flatMap((paragraph) => paragraph.lines));
    return lines.flatMap((line) => {
      const words = line.words.filter((word) => word.confidence >= confidenceMin);
      const text = words
        .map((word) => word.text.trim())
        .join(' ')
        .trim();
      if (!/[\p{L}\p{N}]{2}/u.test(text)) return [];
      const [x0, y0] = [Math.min(...words.map((word) => word.bbox.x0)), Math.min(...words.map((word) => word.bbox.y0))];
      const [x1, y1] = [Math.max(...words.map((word) => word.bbox.x1)), Math.max(...words.map((word) => word.bbox.y1))];
      const confidence = words.reduce((sum, word) => sum + word.confidence, 0) / words.length / 100;
      return [{ text, confidence, box: { x: x0, y: y0, width: x1 - x0, height: y1 - y0 } }];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    await this.#worker.terminate();
  }

  /** A thread that was ended never answers. */
  async #untilAborted<T>(work: Promise<T>): Promise<T> {
    const signal = this.#signal;
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(new Error('aborted'));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
