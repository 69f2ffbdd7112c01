/**
 * Cuts a stream of JPEGs (`-f image2pipe`) into pictures. Within a picture's data 0xFF is always followed by a stuffed zero or a restart
 * marker, so the end marker FF D9 is only found at its end. Pure.
 */
import { invariant } from '../../core/errors.ts';

const pictureBytesMax = 16 * 1024 * 1024;

export class JpegFrames {
  readonly #on: (jpeg: Buffer) => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #lastByte = 0;

  constructor(on: (jpeg: Buffer) => void) {
    this.#on = on;
  }

  /** Takes output in any portions. */
  push(chunk: Buffer): void {
    let from = 0;
    for (let end = this.#endIn(chunk, 0); end !== -1; end = this.#endIn(chunk, from)) {
      this.#parts.push(chunk.subarray(from, end));
      this.#on(Buffer.concat(this.#parts));
      this.#parts = [];
      this.#bytes = 0;
      this.#lastByte = 0;
      from = end;
    }
    const rest = chunk.subarray(from);
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#bytes += rest.length;
    this.#lastByte = rest.at(-1) ?? 0;
    invariant(this.#bytes <= pictureBytesMax, 'a keyframe picture is of a sane size');
  }

  /** Index just behind the next end marker, which may have begun in the portion before; -1 when there is none. */
  #endIn(chunk: Buffer, from: number): number {
    if (from === 0 && this.#lastByte === 0xff && chunk[0] === 0xd9) return 1;
    const at = chunk.indexOf(endMarker, from);
    return at === -1 ? -1 : at + endMarker.length;
  }
}

const endMarker = Buffer.from([0xff, 0xd9]);
