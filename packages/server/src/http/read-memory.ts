/** Memory that bodies are read into, used again and again: fresh memory costs a page fault for each 4 KiB, and V8's collector its attention. */

/** Memory that is out and memory that is kept for the next body, together. More is taken when it is needed, and freed when it is back. */
const bytesMax = 12 * 1024 * 1024;

export class ReadMemory {
  readonly #spare = new Map<number, ArrayBuffer[]>();
  readonly #out = new WeakSet<ArrayBufferLike>();
  #outBytes = 0;
  #spareBytes = 0;

  /** So many bytes, of whatever content. */
  take(bytes: number): Uint8Array {
    let memory = this.#spare.get(bytes)?.pop();
    if (memory !== undefined) this.#spareBytes -= bytes;
    else while (this.#outBytes + this.#spareBytes + bytes > bytesMax && this.#dropOne());
    memory ??= Buffer.allocUnsafeSlow(bytes).buffer;
    this.#outBytes += bytes;
    this.#out.add(memory);
    return new Uint8Array(memory);
  }

  /** Gives back what the view belongs to; false: it was not taken here, or is back already. Nobody may read or write it any more. */
  give({ buffer }: Uint8Array): boolean {
    if (!(buffer instanceof ArrayBuffer) || !this.#out.delete(buffer)) return false;
    const bytes = buffer.byteLength;
    this.#outBytes -= bytes;
    if (this.#outBytes + this.#spareBytes + bytes > bytesMax) {
      // Freed at once, not when V8 collects.
      buffer.transfer(0);
      return true;
    }
    this.#spareBytes += bytes;
    const spare = this.#spare.get(bytes);
    if (spare) spare.push(buffer);
    else this.#spare.set(bytes, [buffer]);
    return true;
  }

  /** Leaves it to V8's collector: somebody may still write to it. */
  forget({ buffer }: Uint8Array): void {
    if (this.#out.delete(buffer)) this.#outBytes -= buffer.byteLength;
  }

  #dropOne(): boolean {
    for (const [size, spare] of this.#spare) {
      const memory = spare.pop();
      if (memory === undefined) continue;
      memory.transfer(0);
      this.#spareBytes -= size;
      return true;
    }
    return false;
  }
}
