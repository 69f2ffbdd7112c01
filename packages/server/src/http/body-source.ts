/**
 * The raw body of a node:http request as a BodySource: gathers socket reads to about 1 MiB (less when there are many bodies), keeps at most
 * two batches unreleased, and stops reading when the writer is behind.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { HoldfastError } from '../core/errors.ts';
import type { BodyBatch, InterruptibleBody } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';
import { BodyRoom } from './body-room.ts';

const unreleasedMax = 2;
/** All bodies of this process. */
const room = new BodyRoom(unreleasedMax + 1);

/** Smaller buffers are left to the garbage collector: freeing one costs about a microsecond. */
const freedBytesMin = 4 * 1024;

/**
 * Gives the memory of a socket read back at once. Left to the garbage collector, the 16,000 reads of a GiB make V8 collect its whole heap
 * some 40 times (measured: a quarter of all CPU time), because it counts memory outside of its heap as pressure on it.
 */
function free(buffer: Buffer): void {
  const { buffer: memory } = buffer;
  if (buffer.byteLength < freedBytesMin || !(memory instanceof ArrayBuffer)) return;
  // Only a buffer that owns all of its memory: others share Node's pool.
  if (memory.byteLength === buffer.byteLength) memory.transfer(0);
}

export interface BodyOptions {
  readonly clock: Clock;
  /** A sender that sends nothing for this long, while we are reading, is cut off. */
  readonly idleMs: number;
  /** So is one that sends less than this on average over `idleMs`; 0: as slowly as it likes. */
  readonly bytesPerSecondMin: number;
}

export class RequestBody implements InterruptibleBody {
  readonly #request: IncomingMessage;
  readonly #options: BodyOptions;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  /** Enough is gathered: reading has stopped until it is taken. */
  #full = false;
  #unreleased = 0;
  #ended = false;
  #flushing = false;
  #failure: HoldfastError | null = null;
  #wake: (() => void) | null = null;
  #started = false;
  #lastDataAt = 0;
  #cancelIdle: (() => void) | null = null;
  #leaveRoom = () => {};

  constructor(request: IncomingMessage, options: BodyOptions) {
    this.#request = request;
    this.#options = options;
  }

  async next(): Promise<BodyBatch | null> {
    if (!this.#started) this.#start();
    for (;;) {
      const last = this.#ended || this.#failure !== null;
      if (this.#full || (last && this.#gatheredBytes > 0)) return this.#take();
      if (this.#flushing && !last) return this.#take();
      if (this.#failure) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  flush(): void {
    this.#flushing = true;
    this.#signal();
  }

  interrupt(error: HoldfastError): void {
    if (this.#ended) return;
    this.#failure ??= error;
    this.#request.pause();
    this.#signal();
  }

  /** What is left is thrown away when the answer is sent: see `early-answers.ts`. */
  async abandon(): Promise<void> {
    this.#stopWatching();
    this.#gathered = [];
  }

  #start(): void {
    this.#started = true;
    this.#leaveRoom = room.enter();
    this.#lastDataAt = this.#options.clock.now();
    this.#request.on('data', this.#onData);
    this.#request.once('end', this.#onEnd);
    this.#request.once('close', this.#onClose);
    this.#request.once('error', this.#onClose);
    // The connection may have ended before anybody read: then no event comes any more, and what had arrived, even all of it, is gone.
    if (this.#request.destroyed && !this.#request.readableEnded) this.#onClose();
    else this.#watch();
  }

  #stopWatching(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = null;
    this.#leaveRoom();
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#request.off('close', this.#onClose);
    this.#request.off('error', this.#onClose);
    this.#request.on('error', () => {});
  }

  readonly #onData = (data: Buffer): void => {
    this.#lastDataAt = this.#options.clock.now();
    this.#gathered.push(data);
    this.#gatheredBytes += data.length;
    if (this.#gatheredBytes < room.batchBytes) return;
    this.#full = true;
    this.#request.pause();
    this.#signal();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#cancelIdle?.();
    this.#leaveRoom();
    this.#signal();
  };

  readonly #onClose = (): void => {
    this.#cancelIdle?.();
    this.#leaveRoom();
    if (!this.#ended)
      this.#failure ??= new HoldfastError('body-too-short', 'The connection ended before all declared bytes arrived.');
    this.#signal();
  };

  /** One timer per body, armed again when enough has come meanwhile: nothing is done per read. */
  #watch(): void {
    const { clock, idleMs, bytesPerSecondMin } = this.#options;
    const request = this.#request;
    const before = { bytes: request.socket.bytesRead, paused: request.isPaused() };
    this.#cancelIdle = clock.after(idleMs, () => {
      if (this.#ended || this.#failure) return;
      const held = before.paused || request.isPaused();
      const idle = clock.now() - this.#lastDataAt >= idleMs && !request.isPaused();
      const slow = request.socket.bytesRead - before.bytes < (bytesPerSecondMin * idleMs) / 1000 && !held;
      if (!idle && !slow) return this.#watch();
      const seconds = Math.round(idleMs / 1000);
      const what = idle ? 'Nothing' : `Less than ${bytesPerSecondMin} bytes a second`;
      this.#failure = new HoldfastError('body-timeout', `${what} arrived for ${seconds} s.`);
      this.#signal();
    });
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #take(): BodyBatch {
    const buffers = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#full = false;
    this.#flushing = false;
    this.#unreleased += 1;
    if (this.#unreleased < unreleasedMax && this.#failure === null) this.#request.resume();
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      // What does not come from a socket (a request made in a test) belongs to whoever made it.
      if (this.#request.socket instanceof Socket) for (const buffer of buffers) free(buffer);
      this.#unreleased -= 1;
      if (this.#unreleased < unreleasedMax && !this.#full) this.#request.resume();
    };
    return { buffers, bytes, release };
  }
}
