/** For logs and pipes: a line when something begins, changes its state or ends, and every few seconds in between. */
import { basename } from 'node:path';
import type { UploadSnapshot } from '@holdfast/client';
import { formatBytes } from '../core/byte-words.ts';
import { safeText } from './format-text.ts';
import { type CliIo, printWords } from './io.ts';
import type { Display, DisplayedFile, Outcome } from './progress.ts';
import { figureWords, outcomeWords, progressWords, stateWords } from './progress-words.ts';

const lineMsMin = 5_000;

export class LineDisplay implements Display {
  readonly #io: CliIo;
  /** Of each file: when a line was last printed, and for which state. */
  readonly #printed = new Map<number, { readonly at: number; readonly about: string }>();

  constructor(io: CliIo) {
    this.#io = io;
  }

  began(file: DisplayedFile): void {
    this.say(`  ${safeText(basename(file.path))}  ${formatBytes(file.size)}`);
    this.#printed.set(file.index, { at: Date.now(), about: 'uploading' });
  }

  changed(file: DisplayedFile, snapshot: UploadSnapshot): void {
    const now = Date.now();
    const before = this.#printed.get(file.index);
    // Each new wait is worth a line; short waits for single chunks and the way through the states are not.
    const { waiting } = snapshot;
    const about =
      waiting === null || waiting.reason === 'retrying' ? 'uploading' : `${waiting.reason} ${waiting.until}`;
    const newWait = about !== 'uploading' && about !== before?.about;
    if (!newWait && before !== undefined && now - before.at < lineMsMin) return;
    this.#printed.set(file.index, { at: now, about });
    const state = stateWords(snapshot, now);
    const parts = [progressWords(snapshot), state === '' ? figureWords(snapshot) : state].filter((part) => part !== '');
    this.say(`  ${safeText(basename(file.path))}  ${parts.join('  ')}`);
  }

  ended(file: DisplayedFile, outcome: Outcome, snapshot: UploadSnapshot | null): void {
    this.#printed.delete(file.index);
    this.say(outcomeWords(file, outcome, snapshot));
  }

  say(line: string): void {
    printWords(this.#io.stderr, line);
  }

  event(): void {}

  close(): void {}
}
