/** Reads what ffmpeg's `metadata=print` writes: a line `frame:N pts:X pts_time:T`, then lines `key=value` of that frame. Pure. */

export type MetadataEvent =
  | { readonly kind: 'frame'; readonly time: number }
  | { readonly kind: 'value'; readonly time: number; readonly key: string; readonly value: number };

const lineCharsMax = 4096;

export class MetadataLines {
  readonly #on: (event: MetadataEvent) => void;
  #rest = '';
  #time = Number.NaN;

  constructor(on: (event: MetadataEvent) => void) {
    this.#on = on;
  }

  /** Takes output in any portions. */
  push(chunk: Uint8Array): void {
    // The text is plain ASCII, so portions cannot split a character.
    const lines = (this.#rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')).split(
      '\n',
    );
    this.#rest = (lines.pop() ?? '').slice(0, lineCharsMax);
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line.startsWith('frame:')) {
      this.#time = Number(/ pts_time:(\S+)/.exec(line)?.[1] ?? 'NaN');
      this.#on({ kind: 'frame', time: this.#time });
      return;
    }
    const equals = line.indexOf('=');
    if (equals > 0) {
      this.#on({ kind: 'value', time: this.#time, key: line.slice(0, equals), value: Number(line.slice(equals + 1)) });
    }
  }
}
