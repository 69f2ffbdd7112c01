/** Reads `progress 0.42` from lines of standard output; everything else there is passed over. */
const lineBytesMax = 4_096;

export class ProgressLines {
  readonly #tell: (fraction: number) => void;
  #rest = '';

  constructor(tell: (fraction: number) => void) {
    this.#tell = tell;
  }

  take(chunk: Buffer): void {
    // Carriage returns end lines too: progress bars use them.
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]/);
    this.#rest = (lines.pop() ?? '').slice(0, lineBytesMax);
    for (const line of lines) {
      const match = /^progress (\d+(?:\.\d+)?)\s*$/.exec(line.trim());
      if (match) this.#tell(Math.min(1, Number(match[1])));
    }
  }
}
