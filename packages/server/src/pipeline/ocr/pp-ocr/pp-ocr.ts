/** PP-OCRv4 as an engine that reads pictures, in a process of its own. */
import { siblingModule } from '../../../platform/sibling-module.ts';
import { EngineProcess } from '../../engines/engine-process.ts';
import type { TextLine, TextReader } from '../text-reader.ts';
import type { InstalledPpOcr } from './installed.ts';
import type { OcrRequest } from './ocr-worker.ts';

export class PpOcr implements TextReader {
  readonly #process: EngineProcess<OcrRequest>;

  private constructor(process: EngineProcess<OcrRequest>) {
    this.#process = process;
  }

  /** Rejects when the models cannot be loaded. The process dies when the signal fires. */
  static async open(installed: InstalledPpOcr, signal: AbortSignal): Promise<PpOcr> {
    const process = new EngineProcess<OcrRequest>(siblingModule(import.meta.url, 'ocr-worker'), 'reading', signal);
    try {
      await process.request<null>({ op: 'open', installed });
      return new PpOcr(process);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  read(jpeg: Uint8Array): Promise<readonly TextLine[]> {
    return this.#process.request<readonly TextLine[]>({ op: 'read', jpeg });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
