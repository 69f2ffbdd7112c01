/** How the bytes of a request's body come in: by `node:http` (here), or straight from the connection (`direct-reads.ts`). */
import type { IncomingMessage } from 'node:http';

/** Who gets the bytes. */
export interface BodyTaker {
  /** Something came, even if it is not handed on yet. */
  touched(): void;
  /** Whether so many bytes more are enough to go on with. */
  enough(bytes: number): boolean;
  /** Bytes that are the taker's from now on. */
  data(bytes: Uint8Array): void;
  ended(): void;
}

export interface BodyReads {
  start(): void;
  /** Nothing is read for now. */
  readonly paused: boolean;
  pause(): void;
  resume(): void;
  /** What came and was not handed on yet, for whoever cannot wait for more of it; null: nothing. */
  part(): Uint8Array | null;
  /** The taker wants nothing more: what is left is for whoever reads the request next. */
  stop(): void;
}

export class StreamReads implements BodyReads {
  readonly #request: IncomingMessage;
  readonly #taker: BodyTaker;

  constructor(request: IncomingMessage, taker: BodyTaker) {
    this.#request = request;
    this.#taker = taker;
  }

  start(): void {
    this.#request.on('data', this.#onData);
    this.#request.once('end', this.#onEnd);
  }

  get paused(): boolean {
    return this.#request.isPaused();
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }

  part(): null {
    return null;
  }

  stop(): void {
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
  }

  readonly #onData = (data: Buffer): void => {
    this.#taker.touched();
    this.#taker.data(data);
  };

  readonly #onEnd = (): void => this.#taker.ended();
}
