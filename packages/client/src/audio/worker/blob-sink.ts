/** Collects a file as parts of a Blob, which the browser keeps outside of this process and on disk when they are large. */
import type { StreamTargetChunk } from 'mediabunny';

/** Writes at the end become parts; those before it (durations and sizes that are known late) are laid over them at the end. */
export class BlobSink {
  readonly #parts: Blob[] = [];
  readonly #patches: { readonly position: number; readonly data: Uint8Array<ArrayBuffer> }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  stream(): WritableStream<StreamTargetChunk> {
    return new WritableStream({ write: ({ data, position }) => this.#write(data, position) });
  }

  #write(data: Uint8Array<ArrayBuffer>, position: number): void {
    if (position > this.#size) throw new RangeError(`A write at ${position} leaves a hole behind ${this.#size}.`);
    const over = Math.min(data.length, this.#size - position);
    // A copy: the muxer may use its buffer again.
    if (over > 0) this.#patches.push({ position, data: data.slice(0, over) });
    if (over === data.length) return;
    this.#parts.push(new Blob([data.subarray(over)]));
    this.#size += data.length - over;
  }

  /** The whole file. */
  blob(type: string): Blob {
    let whole = new Blob(this.#parts, { type });
    for (const { position, data } of this.#patches)
      whole = new Blob([whole.slice(0, position), data, whole.slice(position + data.length)], { type });
    return whole;
  }
}
