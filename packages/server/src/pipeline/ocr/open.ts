/** From the name of an engine to one that reads. */
import { installedPpOcr } from './pp-ocr/installed.ts';
import { PpOcr } from './pp-ocr/pp-ocr.ts';
import { installedTesseract, Tesseract } from './tesseract.ts';
import type { TextEngine, TextReader } from './text-reader.ts';

export interface OpenedReader {
  readonly reader: TextReader;
  readonly engineVersion: string;
}

/** Null when the engine is not installed. */
export async function openTextReader(
  { engine, language }: { readonly engine: TextEngine; readonly language: string },
  signal: AbortSignal,
): Promise<OpenedReader | null> {
  switch (engine) {
    case 'none':
      return null;
    case 'pp-ocr': {
      const installed = installedPpOcr();
      if (installed === null) return null;
      return { reader: await PpOcr.open(installed, signal), engineVersion: `PP-OCRv4 ${installed.version}` };
    }
    case 'tesseract': {
      const installed = installedTesseract(language);
      if (installed === null) return null;
      const reader = await Tesseract.open(installed, language, signal);
      return { reader, engineVersion: `tesseract.js ${installed.version}` };
    }
  }
}
