/** Bytes of an object as the body of a request: what the rules for bodies are applied to where no client sends any. */
import type { HoldfastError } from '../../core/errors.ts';
import type { BodyBatch, InterruptibleBody } from '../../core/ports/body-source.ts';

/** Gathered to about as much as a body of HTTP gives at once. */
const batchBytes = 1024 * 1024;

export class StoredBody implements InterruptibleBody {
  #open: () => AsyncGenerator<Uint8Array>;
  #reading: AsyncGenerator<Uint8Array> | null = null;
  #interruption: HoldfastError | null = null;

  constructor(open: () => AsyncGenerator<Uint8Array>) {
    this.#open = open;
  }

  /** Read from there; nothing was read yet. */
  readFrom(open: () => AsyncGenerator<Uint8Array>): void {
    this.#open = open;
  }

  async next(): Promise<BodyBatch | null> {
    this.#reading ??= this.#open();
    const buffers: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < batchBytes) {
      if (this.#interruption !== null) throw this.#interruption;
      const next = await this.#reading.next();
      if (next.done === true) break;
      buffers.push(next.value);
      bytes += next.value.byteLength;
    }
    return bytes === 0 ? null : { buffers, bytes, release: () => {} };
  }

  async abandon(): Promise<void> {
    await this.#reading?.return(undefined).catch(() => {});
  }

  /** Nothing is on its way that could be waited for. */
  flush(): void {}

  interrupt(error: HoldfastError): void {
    this.#interruption ??= error;
  }
}
