/** Where the bytes of a request body come from. Keeps the intake (node:http today) away from whoever stores the bytes. */
import type { HoldfastError } from '../errors.ts';

export interface BodySource {
  /**
   * The next bytes, gathered to about 1 MiB per call, as a list of buffers to write in order; null at the end of the body.
   * The buffers stay valid until `release()` is called on the batch; at most `batchesMax` batches may be unreleased at a time.
   * Rejects with `body-too-short` when the connection breaks, `body-timeout` when the sender stops, after what had arrived before that.
   */
  next(): Promise<BodyBatch | null>;
  /** Lets go of what is left: it is thrown away with the answer, which does not wait for it. Never rejects. */
  abandon(): Promise<void>;
}

/** A body that somebody else than its sender and its reader has a say in. */
export interface InterruptibleBody extends BodySource {
  /** `next` gives out at once what has arrived, possibly an empty batch. Without effect once the body has ended. */
  flush(): void;
  /** `next` gives out what has arrived, then rejects with the error. Without effect once the body has ended. */
  interrupt(error: HoldfastError): void;
}

export interface BodyBatch {
  readonly buffers: readonly Uint8Array[];
  /** Sum of the buffers' lengths, in bytes. */
  readonly bytes: number;
  release(): void;
}
