/** A bar for each file that is being sent, and what has ended above them. */
import { basename } from 'node:path';
import type { UploadSnapshot } from '@holdfast/client';
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { safeText } from './format-text.ts';
import { type CliIo, printWords } from './io.ts';
import type { Display, DisplayedFile, Outcome } from './progress.ts';
import { figureWords, outcomeWords, progressWords, stateWords } from './progress-words.ts';

/** Widest file name beside a bar. */
const nameCharsMax = 28;

export class BarDisplay implements Display {
  readonly #io: CliIo;
  readonly #bars = new Map<number, SingleBar>();
  readonly #ended: string[] = [];
  #multi: MultiBar | null = null;

  constructor(io: CliIo) {
    this.#io = io;
  }

  began(file: DisplayedFile): void {
    this.#multi ??= new MultiBar(
      {
        stream: this.#io.stderr,
        format: '  {name} {bar} {words}',
        barsize: 24,
        fps: 5,
        hideCursor: true,
        clearOnComplete: true,
        linewrap: false,
        gracefulExit: false,
        emptyOnZero: true,
      },
      Presets.shades_classic,
    );
    // Bars count in thousandths, so that an empty file has a bar too.
    const bar = this.#multi.create(1_000, 0, { name: shortName(file.path), words: 'waiting for its turn' });
    this.#bars.set(file.index, bar);
  }

  changed(file: DisplayedFile, snapshot: UploadSnapshot): void {
    const state = stateWords(snapshot, Date.now());
    const words = [progressWords(snapshot), state === '' ? figureWords(snapshot) : state].filter((part) => part !== '');
    const payload = { name: shortName(file.path), words: words.join('  ') };
    this.#bars.get(file.index)?.update(Math.floor(snapshot.progress * 1_000), payload);
  }

  ended(file: DisplayedFile, outcome: Outcome, snapshot: UploadSnapshot | null): void {
    const bar = this.#bars.get(file.index);
    this.#bars.delete(file.index);
    if (bar !== undefined) this.#multi?.remove(bar);
    const line = outcomeWords(file, outcome, snapshot);
    this.#ended.push(line);
    this.say(line);
  }

  say(line: string): void {
    // While bars are drawn, lines have to be put above them.
    if (this.#multi !== null && this.#bars.size > 0) this.#multi.log(`${safeText(line)}\n`);
    else this.#afterBars(line);
  }

  event(): void {}

  close(): void {
    this.#stop();
  }

  #afterBars(line: string): void {
    this.#stop();
    printWords(this.#io.stderr, line);
  }

  #stop(): void {
    this.#multi?.stop();
    this.#multi = null;
  }
}

function shortName(path: string): string {
  const name = safeText(basename(path));
  const shown = name.length <= nameCharsMax ? name : `${name.slice(0, nameCharsMax - 9)}…${name.slice(-8)}`;
  return shown.padEnd(nameCharsMax);
}
