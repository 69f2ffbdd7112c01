/** What engines that read text in pictures have in common. */

/** In pixels of the picture, from its upper left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TextLine {
  readonly text: string;
  /** 0 … 1. */
  readonly confidence: number;
  readonly box: Box;
}

export interface TextReader extends AsyncDisposable {
  /** Lines from top to bottom. Rejects when the engine fails, not when there is no text. */
  read(jpeg: Uint8Array): Promise<readonly TextLine[]>;
}

export const textEngines = ['none', 'tesseract', 'pp-ocr'] as const;
export type TextEngine = (typeof textEngines)[number];
