/** The process that reads pictures by PP-OCRv4: models of 16 MB, and a second of computing for each picture. */
import jpeg from 'jpeg-js';
import { answerRequests } from '../../engines/engine-answers.ts';
import type { TextLine } from '../text-reader.ts';
import type { InstalledPpOcr } from './installed.ts';
import { PpOcrModels } from './pp-ocr-models.ts';

export type OcrRequest =
  | { readonly op: 'open'; readonly installed: InstalledPpOcr }
  /** Answered with `TextLine[]`. */
  | { readonly op: 'read'; readonly jpeg: Uint8Array };

let models: PpOcrModels | null = null;

async function answer(request: OcrRequest): Promise<readonly TextLine[] | null> {
  if (request.op === 'open') {
    models = await PpOcrModels.load(request.installed);
    return null;
  }
  if (models === null) throw new Error('it was not opened');
  return models.read(jpeg.decode(request.jpeg, { useTArray: true, maxMemoryUsageInMB: 256, formatAsRGBA: false }));
}

answerRequests(answer);
