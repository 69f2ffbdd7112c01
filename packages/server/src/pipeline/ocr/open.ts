/** From the name of an engine to one that reads. */
import { installedTesseract, Tesseract } from './tesseract.ts';
import type { TextEngine, TextReader } from './text-reader.ts';

export interface OpenedReader {
  readonly reader: TextReader;
  readonly engineVersion: string;
}

/** Null when the engine is not installed. */
export async function openTextReader(
  { language }: { readonly engine: TextEngine; readonly language: string },
  signal: AbortSignal,
): Promise<OpenedReader | null> {
  const installed = installedTesseract(language);
  if (installed === null) return null;
  return {
    reader: await Tesseract.open(installed, language, signal),
    engineVersion: `tesseract.js ${installed.version}`,
  };
}
