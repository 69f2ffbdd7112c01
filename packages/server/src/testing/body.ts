/** Request bodies for tests: whole, cut short, too long, slow, broken. */
import { HoldfastError, invariant } from '../core/errors.ts';
import type { BodyBatch, InterruptibleBody } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';

export interface BodyOptions {
  /** Bytes per batch; default 1 MiB. */
  readonly batchBytes?: number;
  /** Bytes per buffer within a batch; default 64 KiB, as sockets give them. */
  readonly bufferBytes?: number;
  /** Waits before each batch. */
  readonly slow?: { readonly clock: Clock; readonly ms: number };
  /** Rejects with this error after that many bytes. */
  readonly breaks?: { readonly afterBytes: number; readonly error: HoldfastError };
  /** Called with the number of bytes handed out, before each batch: a place for a test to do something in the middle. */
  readonly beforeBatch?: (sentBytes: number) => Promise<void> | void;
}

/** How many batches a body lets be unreleased at a time. */
const batchesMax = 2;

/**
 * A body that watches its reader: released buffers are overwritten, so that a reader that keeps using them gets other bytes; more
 * unreleased batches than allowed, or two reads at once, are broken invariants.
 */
export class TestBody implements InterruptibleBody {
  readonly #bytes: Uint8Array;
  readonly #options: BodyOptions;
  #sent = 0;
  #unreleased = 0;
  #reading = false;
  #abandoned = false;
  #interruption: HoldfastError | null = null;

  constructor(bytes: Uint8Array, options: BodyOptions = {}) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /** Bytes handed out so far. */
  get sentBytes(): number {
    return this.#sent;
  }
  /** Batches that were not released yet; 0 once the reader is done. */
  get unreleased(): number {
    return this.#unreleased;
  }

  async next(): Promise<BodyBatch | null> {
    invariant(!this.#reading, 'one read at a time');
    invariant(!this.#abandoned, 'no read after abandon');
    invariant(this.#unreleased < batchesMax, `at most ${batchesMax} batches unreleased`);
    this.#reading = true;
    try {
      const { slow, breaks, beforeBatch, batchBytes = 1024 * 1024 } = this.#options;
      if (slow !== undefined) await new Promise<void>((resolve) => slow.clock.after(slow.ms, resolve));
      await beforeBatch?.(this.#sent);
      if (this.#interruption !== null) throw this.#interruption;
      const end = Math.min(
        this.#sent + batchBytes,
        this.#bytes.byteLength,
        breaks?.afterBytes ?? Number.POSITIVE_INFINITY,
      );
      if (breaks !== undefined && this.#sent >= breaks.afterBytes) throw breaks.error;
      if (this.#sent === this.#bytes.byteLength) return null;
      const batch = this.#batch(this.#sent, end);
      this.#sent = end;
      return batch;
    } finally {
      this.#reading = false;
    }
  }

  async abandon(): Promise<void> {
    this.#abandoned = true;
  }

  /** Has no effect: a test says itself when batches come. */
  flush(): void {}

  interrupt(error: HoldfastError): void {
    this.#interruption ??= error;
  }

  #batch(start: number, end: number): BodyBatch {
    const { bufferBytes = 64 * 1024 } = this.#options;
    const buffers: Uint8Array[] = [];
    for (let at = start; at < end; at += bufferBytes)
      buffers.push(this.#bytes.slice(at, Math.min(end, at + bufferBytes)));
    this.#unreleased += 1;
    let released = false;
    return {
      buffers,
      bytes: end - start,
      release: () => {
        invariant(!released, 'a batch is released once');
        released = true;
        this.#unreleased -= 1;
        for (const buffer of buffers) buffer.fill(0xee);
      },
    };
  }
}

/** The bytes as a body. A body that is too short or too long is one of other bytes than were declared. */
export function bodyOf(bytes: Uint8Array, options: BodyOptions = {}): TestBody {
  return new TestBody(bytes, options);
}

/** A body whose connection breaks after `afterBytes`. */
export function breakingBody(bytes: Uint8Array, afterBytes: number, options: BodyOptions = {}): TestBody {
  return new TestBody(bytes, {
    ...options,
    breaks: { afterBytes, error: new HoldfastError('body-too-short', 'The connection broke (test)') },
  });
}

/** A body whose sender stops after `afterBytes`. */
export function stallingBody(bytes: Uint8Array, afterBytes: number, options: BodyOptions = {}): TestBody {
  return new TestBody(bytes, {
    ...options,
    breaks: { afterBytes, error: new HoldfastError('body-timeout', 'The sender stopped (test)') },
  });
}

/** Bytes that are the same in each run for a seed, and differ everywhere. Not random in any strict sense. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
