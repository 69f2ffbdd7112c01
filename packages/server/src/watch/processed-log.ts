/**
 * The plain log of processed contents, for people and other programs: one line each, only ever appended to.
 *
 *     <sha256>  <time, ISO 8601 UTC>  <outcome>  <name>
 *
 * A name is escaped as in `names.ts`, control characters too, so that it stays on its line.
 */
import { open } from 'node:fs/promises';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { ProcessedContent, WatchStore } from '../core/ports/watch-store.ts';
import type { Millis } from '../core/upload.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
const batch = 200;
/** More than a batch of the longest lines: names have at most 255 bytes a part, paths at most 4096. */
const tailBytes = batch * 4_400;

export function processedLine({ sha256, at, outcome, name }: ProcessedContent): string {
  const shown = name.replace(control, (c) =>
    [...Buffer.from(c)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  return `${sha256}  ${new Date(at).toISOString()}  ${outcome}  ${shown}`;
}

/** A line of ours, of `sha256sum`, or a digest alone. Null for blank lines and comments; undefined for a line that is none of them. */
export function parseProcessed(line: string, now: Millis): ProcessedContent | null | undefined {
  const text = line.replace(/^\ufeff/, '').trim();
  if (text === '' || text.startsWith('#')) return null;
  const match = /^\\?([0-9a-f]{64})(?:[\s,;|]+(.*))?$/i.exec(text);
  if (!match) return undefined;
  const sha256 = (match[1] ?? '').toLowerCase();
  const rest = match[2] ?? '';
  const ours = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)\s+(succeeded|failed|known)(?:\s+(.*))?$/.exec(rest);
  const at = ours ? Date.parse(ours[1] ?? '') : Number.NaN;
  const outcome = ours?.[2] === 'failed' || ours?.[2] === 'succeeded' ? ours[2] : 'known';
  return { sha256, at: Number.isNaN(at) ? now : at, outcome, name: ours ? (ours[3] ?? '') : rest.replace(/^\*/, '') };
}

export class ProcessedLog {
  readonly #path: string;
  readonly #store: WatchStore;
  readonly #crash: CrashPoints;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(path: string, store: WatchStore, crash: CrashPoints) {
    this.#path = path;
    this.#store = store;
    this.#crash = crash;
  }

  /** Appends what is not in the file yet; durable when it resolves. Calls share the work. */
  async append(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return await this.#running;
    }
    this.#running = this.#appendAll().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  async #appendAll(): Promise<void> {
    do {
      this.#again = false;
      for (;;) {
        const contents = await this.#store.unlogged(batch);
        if (contents.length === 0) break;
        await this.#write(contents);
        this.#crash('watch:after-log');
        await this.#store.logged(contents.map(({ sha256 }) => sha256));
      }
    } while (this.#again);
  }

  /** What a crash left: a torn last line is taken away, and lines that are there already are not written again. */
  async #write(contents: readonly ProcessedContent[]): Promise<void> {
    const file = await open(this.#path, 'a+', 0o644);
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - tailBytes);
      const tail = Buffer.alloc(size - start);
      await file.read(tail, 0, tail.length, start);
      const end = tail.lastIndexOf(0x0a) + 1;
      if (end < tail.length) await file.truncate(start + end);
      const there = new Set(
        tail
          .subarray(0, end)
          .toString()
          .split('\n')
          .map((line) => line.slice(0, 64)),
      );
      const lines = contents.filter(({ sha256 }) => !there.has(sha256)).map((one) => `${processedLine(one)}\n`);
      if (lines.length > 0) await file.appendFile(lines.join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
