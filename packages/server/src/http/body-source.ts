/**
 * The raw body of a node:http request as a BodySource: gathers what is read to about 1 MiB (less when there are many bodies), keeps at most
 * two batches unreleased, and stops reading when the writer is behind.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from '../core/errors.ts';
import type { BodyBatch, InterruptibleBody } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';
import { type BodyReads, type BodyTaker, StreamReads } from './body-reads.ts';
import { BodyRoom } from './body-room.ts';
import { directReads, isLong } from './direct-reads.ts';
import { ReadMemory } from './read-memory.ts';

const unreleasedMax = 2;
/** All bodies of this process. */
const room = new BodyRoom(unreleasedMax + 1);
const readMemory = new ReadMemory();

/** Smaller buffers are left to the garbage collector: freeing one costs about a microsecond. */
const freedBytesMin = 4 * 1024;

/**
 * Gives the memory of a read back at once. Left to the garbage collector, the 16,000 reads of a GiB by node:http make V8 collect its whole heap
 * some 40 times (measured: a quarter of all CPU time), because it counts memory outside of its heap as pressure on it.
 */
function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (readMemory.give(bytes) || bytes.byteLength < freedBytesMin || !(buffer instanceof ArrayBuffer)) return;
  // Only a buffer that owns all of its memory: others share Node's pool.
  if (buffer.byteLength === bytes.byteLength) buffer.transfer(0);
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
  #started = false;
  #abandoned = false;
  #reads: BodyReads | null = null;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Enough is gathered: reading has stopped until it is taken. */
  #full = false;
  #unreleased = 0;
  #ended = false;
  #flushing = false;
  #failure: HoldfastError | null = null;
  #wake: (() => void) | null = null;
  #lastDataAt = 0;
  #cancelIdle: (() => void) | null = null;
  #leaveRoom = () => {};

  constructor(request: IncomingMessage, options: BodyOptions) {
    this.#request = request;
    this.#options = options;
  }

  async next(): Promise<BodyBatch | null> {
    if (!this.#started) await this.#start();
    for (;;) {
      const last = this.#ended || this.#failure !== null;
      if (last || this.#flushing) this.#gather(this.#reads?.part());
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
    this.#reads?.pause();
    this.#signal();
  }

  /** What is left is thrown away when the answer is sent: see `early-answers.ts`. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    this.#stopWatching();
    this.#free(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  async #start(): Promise<void> {
    this.#started = true;
    this.#leaveRoom = room.enter();
    this.#lastDataAt = this.#options.clock.now();
    this.#request.once('close', this.#onClose);
    this.#request.once('error', this.#onClose);
    const direct = isLong(this.#request);
    // The parser may still be at the read that brought the head, with more of the body in it.
    if (direct) await setImmediate();
    const request = this.#request;
    // The connection may have ended before anybody read: then no event comes any more, and what had arrived, even all of it, is gone.
    if (request.destroyed && !request.readableEnded) this.#onClose();
    if (request.destroyed || this.#abandoned) return;
    const memory = { room, read: readMemory };
    this.#reads = (direct && directReads(request, this.#taker, memory)) || new StreamReads(request, this.#taker);
    this.#watch(this.#reads);
    this.#reads.start();
    // Somebody ended it meanwhile: what had arrived is all that is given out.
    if (this.#failure !== null) this.#reads.pause();
  }

  #stopWatching(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = null;
    this.#leaveRoom();
    this.#reads?.stop();
    this.#request.off('close', this.#onClose);
    this.#request.off('error', this.#onClose);
    this.#request.on('error', () => {});
  }

  readonly #taker: BodyTaker = {
    touched: () => {
      this.#lastDataAt = this.#options.clock.now();
    },
    enough: (bytes) => this.#gatheredBytes + bytes >= room.batchBytes,
    data: (bytes) => {
      this.#gather(bytes);
      if (!this.#taker.enough(0)) return;
      this.#full = true;
      // Whoever waits for it takes it at once.
      if (this.#wake === null || this.#unreleased + 1 >= unreleasedMax) this.#reads?.pause();
      this.#signal();
    },
    ended: () => {
      this.#ended = true;
      this.#cancelIdle?.();
      this.#leaveRoom();
      this.#signal();
    },
  };

  #gather(bytes: Uint8Array | null | undefined): void {
    if (!bytes) return;
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.byteLength;
  }

  readonly #onClose = (): void => {
    this.#cancelIdle?.();
    this.#leaveRoom();
    if (!this.#ended)
      this.#failure ??= new HoldfastError('body-too-short', 'The connection ended before all declared bytes arrived.');
    this.#signal();
  };

  /** One timer per body, armed again when enough has come meanwhile: nothing is done per read. */
  #watch(reads: BodyReads): void {
    const { clock, idleMs, bytesPerSecondMin } = this.#options;
    const { socket } = this.#request;
    const before = { bytes: socket.bytesRead, paused: reads.paused };
    this.#cancelIdle = clock.after(idleMs, () => {
      if (this.#ended || this.#failure) return;
      const held = before.paused || reads.paused;
      const idle = clock.now() - this.#lastDataAt >= idleMs && !reads.paused;
      const slow = socket.bytesRead - before.bytes < (bytesPerSecondMin * idleMs) / 1000 && !held;
      if (!idle && !slow) return this.#watch(reads);
      const seconds = Math.round(idleMs / 1000);
      const what = idle ? 'Nothing' : `Less than ${bytesPerSecondMin} bytes a second`;
      this.#failure = new HoldfastError('body-timeout', `${what} arrived for ${seconds} s.`);
      this.#signal();
    });
  }

  #free(buffers: readonly Uint8Array[]): void {
    // What does not come from a socket (a request made in a test) belongs to whoever made it.
    if (this.#request.socket instanceof Socket) for (const buffer of buffers) free(buffer);
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
    if (this.#unreleased < unreleasedMax && this.#failure === null) this.#reads?.resume();
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      this.#free(buffers);
      this.#unreleased -= 1;
      if (this.#unreleased < unreleasedMax && !this.#full) this.#reads?.resume();
    };
    return { buffers, bytes, release };
  }
}
