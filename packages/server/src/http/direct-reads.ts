/** The body of a request straight from its connection, in pieces as large as there is room for. */
import type { IncomingMessage } from 'node:http';
import type { BodyReads, BodyTaker } from './body-reads.ts';
import type { BodyRoom } from './body-room.ts';
import { type BodyPlace, type DirectConnection, directConnection } from './direct-connection.ts';
import type { ReadMemory } from './read-memory.ts';

/** Shorter ones are not worth taking the connection from the parser. */
const directBytesMin = 256 * 1024;
/** Larger ones make no difference any more, smaller ones do. */
const pieceBytes = 256 * 1024;
/** With many bodies at once, and at the end of one. */
const smallPieceBytes = 64 * 1024;

/** Whether a body is worth it. Its connection can be taken over once the parser has looked at all that was read with the head. */
export function isLong({ headers }: IncomingMessage): boolean {
  // A length beside an encoding is refused by the parser (RFC 9112 §6.1).
  return Number(headers['content-length'] ?? 0) >= directBytesMin;
}

/** Takes over the rest of a long body that nobody has read of yet; null: it has to come by `node:http`. */
export function directReads(
  request: IncomingMessage,
  taker: BodyTaker,
  memory: { room: BodyRoom; read: ReadMemory },
): DirectReads | null {
  if (request.complete || request.destroyed || request.readableDidRead) return null;
  const connection = directConnection(request);
  const bytes = Number(request.headers['content-length']) - request.readableLength;
  return connection && new DirectReads({ request, connection, taker, ...memory }, bytes);
}

interface Parts {
  readonly request: IncomingMessage;
  readonly connection: DirectConnection;
  readonly taker: BodyTaker;
  readonly room: BodyRoom;
  readonly read: ReadMemory;
}

export class DirectReads implements BodyReads, BodyPlace {
  readonly #parts: Parts;
  #left: number;
  #piece: Uint8Array | null = null;
  /** Where in the piece lies what was not handed on, and where the next byte goes. */
  #from = 0;
  #to = 0;
  #paused = false;

  constructor(parts: Parts, bytes: number) {
    this.#parts = parts;
    this.#left = bytes;
    parts.connection.begin(parts.request, bytes, this);
  }

  /** What came before is handed on at once. */
  start(): void {
    const { request, connection, taker } = this.#parts;
    for (let data: Buffer | null = request.read(); data !== null; data = request.read()) {
      taker.touched();
      taker.data(data);
    }
    if (!this.#paused) connection.resume();
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    // What comes behind the body is not for us to hold up.
    if (this.#left === 0) return;
    this.#paused = true;
    this.#parts.connection.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#parts.connection.resume();
  }

  /** A copy: what is read next may go behind it. */
  part(): Uint8Array | null {
    if (this.#piece === null || this.#from === this.#to) return null;
    const part = this.#piece.slice(this.#from, this.#to);
    this.#from = this.#to;
    return part;
  }

  stop(): void {
    const { request, connection } = this.#parts;
    if (this.#left === 0) return;
    this.#left = 0;
    // One more read may go there.
    if (this.#piece !== null) this.#parts.read.forget(this.#piece);
    this.#piece = null;
    connection.stop();
    // As `node:http` leaves a request that nobody reads: it takes a little, then waits.
    request.pause();
    connection.resume();
  }

  room(): Uint8Array {
    if (this.#piece === null) {
      this.#piece = this.#parts.read.take(this.#pieceBytes());
      this.#from = 0;
      this.#to = 0;
    }
    return this.#piece.subarray(this.#to);
  }

  filled(bytes: number, last: boolean): void {
    const { taker, request } = this.#parts;
    this.#to += bytes;
    this.#left -= bytes;
    taker.touched();
    const piece = this.#piece;
    if (piece !== null && (last || this.#to === piece.length || taker.enough(this.#to - this.#from))) {
      this.#piece = null;
      taker.data(piece.subarray(this.#from, this.#to));
    }
    if (!last) return;
    taker.ended();
    // Nothing is in it, but only who reads it sees its end.
    request.resume();
  }

  /** Two sizes only, so that memory fits the next body; no more than a batch, which may be of several. */
  #pieceBytes(): number {
    return Math.min(this.#left, this.#parts.room.batchBytes) >= pieceBytes ? pieceBytes : smallPieceBytes;
  }
}
