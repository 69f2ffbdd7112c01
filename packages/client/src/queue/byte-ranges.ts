/** Which bytes of a file are covered. Pure. */
export interface ByteSpan {
  /** First byte. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Runs of bytes, in order, that neither touch nor overlap. */
export class ByteRanges {
  #spans: ByteSpan[] = [];

  add({ start, end }: ByteSpan): void {
    if (end <= start) return;
    const before = this.#spans.filter((span) => span.end < start);
    const after = this.#spans.filter((span) => span.start > end);
    const touched = this.#spans.slice(before.length, this.#spans.length - after.length);
    const merged = {
      start: Math.min(start, ...touched.map((span) => span.start)),
      end: Math.max(end, ...touched.map((span) => span.end)),
    };
    this.#spans = [...before, merged, ...after];
  }

  covers({ start, end }: ByteSpan): boolean {
    return end <= start || this.#spans.some((span) => span.start <= start && span.end >= end);
  }

  get spans(): readonly ByteSpan[] {
    return this.#spans;
  }

  get bytes(): number {
    return this.#spans.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  clear(): void {
    this.#spans = [];
  }
}
