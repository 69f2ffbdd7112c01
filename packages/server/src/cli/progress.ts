/** What a run of uploads shows: bars on a terminal, lines every few seconds elsewhere, NDJSON for programs. */
import type { UploadError, UploadSnapshot } from '@holdfast/client';
import type { CliIo } from './io.ts';
import { BarDisplay } from './progress-bars.ts';
import { JsonDisplay } from './progress-json.ts';
import { LineDisplay } from './progress-lines.ts';

/** How a file ended. */
export type Outcome =
  | {
      readonly kind: 'completed';
      readonly assetId: string;
      readonly sha256: string;
      readonly verified: boolean;
      readonly seconds: number;
    }
  | { readonly kind: 'failed'; readonly error: UploadError | Error }
  | { readonly kind: 'interrupted' };

export interface DisplayedFile {
  /** From 0, in the order of the command line. */
  readonly index: number;
  readonly path: string;
  readonly size: number;
}

/** One at a time per file: `began`, any number of `changed`, `ended`. All calls return at once. */
export interface Display {
  began(file: DisplayedFile): void;
  /** At most 10 times a second per file. */
  changed(file: DisplayedFile, snapshot: UploadSnapshot): void;
  /** `snapshot` is the last one; null when it never came to uploading. */
  ended(file: DisplayedFile, outcome: Outcome, snapshot: UploadSnapshot | null): void;
  /** A line for people. */
  say(line: string): void;
  /** Something that programs want to know too. */
  event(name: string, data: Readonly<Record<string, unknown>>): void;
  close(): void;
}

export function displayFor(io: CliIo, json: boolean): Display {
  if (json) return new JsonDisplay(io);
  return io.isTTY ? new BarDisplay(io) : new LineDisplay(io);
}
