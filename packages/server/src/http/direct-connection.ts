/**
 * A connection of `node:http` that reads long bodies straight into memory of ours.
 *
 * `node:http` hands a body on in a fresh copy of every read of 64 KiB, with a callback for each (what that costs: docs/performance.md).
 * `net.Socket` can read into memory that it is given (`onread`, a documented option), but not for the connections that a server accepts, so
 * what is behind that option is used here (decision 0031). Node's parser stays in charge: it is shown every byte, with its copying of bodies
 * switched off while it looks at what we read, so where a request ends is for it alone to say.
 * Wherever a part of this is missing, `directConnection` is null and bodies come as `node:http` brings them.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** Where a body goes. */
export interface BodyPlace {
  /** At least one byte of room for what is read next. */
  room(): Uint8Array;
  /** So many bytes were put into the room that was given last. `last`: the body is complete. */
  filled(bytes: number, last: boolean): void;
}

interface Parser {
  readonly incoming: IncomingMessage | null;
  readonly constructor: { readonly kOnBody?: number };
  execute(bytes: Uint8Array): number | Error;
  [callback: number]: unknown;
}

/** What a socket of a `node:http` server has beyond its types. */
interface Inside {
  readonly _handle: { useUserBuffer?(memory: Uint8Array): void } | null;
  readonly parser: Parser | null;
  readonly _paused: boolean;
  [symbol: symbol]: unknown;
}

interface Body {
  readonly request: IncomingMessage;
  readonly place: BodyPlace;
}

/** What is read between bodies: looked at before anything else is read, so all connections share it. */
const between = Buffer.allocUnsafeSlow(64 * 1024);
const symbols = onreadSymbols();
const known = new WeakMap<Socket, DirectConnection>();

/** The names under which a socket keeps its option `onread`: found by what is kept there. */
function onreadSymbols() {
  const memory = Buffer.alloc(1);
  const next = () => memory;
  const callback = () => true;
  const find = (socket: Socket, value: unknown) =>
    Object.getOwnPropertySymbols(socket).find((name) => (socket as unknown as Inside)[name] === value);
  const fixed = new Socket({ onread: { buffer: memory, callback } });
  const changing = new Socket({ onread: { buffer: next, callback } });
  const found = { buffer: find(fixed, memory), next: find(changing, next), callback: find(changing, callback) };
  fixed.destroy();
  changing.destroy();
  const { buffer, next: nextName, callback: callbackName } = found;
  return buffer && nextName && callbackName ? { buffer, next: nextName, callback: callbackName } : null;
}

function insideOf(socket: Socket): Inside {
  return socket as unknown as Inside;
}

/** The connection of a request whose body has not been touched; null where this cannot be done, as with TLS. */
export function directConnection(request: IncomingMessage): DirectConnection | null {
  const { socket } = request;
  if (symbols === null || !(socket instanceof Socket) || 'encrypted' in socket) return null;
  const { _handle: handle, parser, _paused: paused } = insideOf(socket);
  if (typeof handle?.useUserBuffer !== 'function' || paused !== false || parser?.incoming !== request) return null;
  const { kOnBody } = parser.constructor;
  if (kOnBody === undefined || typeof parser[kOnBody] !== 'function') return null;
  const connection = known.get(socket) ?? new DirectConnection(socket, symbols, kOnBody);
  known.set(socket, connection);
  return connection;
}

export class DirectConnection {
  readonly #socket: Socket;
  readonly #kOnBody: number;
  #body: Body | null = null;
  /** What the body still lacks, in bytes. */
  #left = 0;
  #paused = false;
  /** The room of the body that is read into. Never used for anything else before the next read has another: see `stop`. */
  #aimed: Uint8Array | null = null;

  constructor(socket: Socket, names: NonNullable<typeof symbols>, kOnBody: number) {
    this.#socket = socket;
    this.#kOnBody = kOnBody;
    // Who listens for data gets the connection from the parser, which then has to be shown what is read.
    const ignore = () => {};
    socket.on('data', ignore).off('data', ignore);
    const inside = insideOf(socket);
    inside[names.buffer] = between;
    inside[names.next] = () => this.#aim();
    inside[names.callback] = (bytes: number, memory: Uint8Array) => this.#read(memory, bytes);
    inside._handle?.useUserBuffer?.(between);
  }

  /** The next `bytes` of the connection are the rest of this request's body. */
  begin(request: IncomingMessage, bytes: number, place: BodyPlace): void {
    this.#body = { request, place };
    this.#left = bytes;
    this.#paused = false;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** What comes from now on goes to the request. The room given last may still be written to, by one more read: it must not be used again. */
  stop(): void {
    this.#body = null;
    this.#aimed = null;
  }

  #aim(): Uint8Array {
    // A body that waits for its writer takes no memory for it.
    this.#aimed = this.#body === null || this.#paused ? null : this.#body.place.room().subarray(0, this.#left);
    return this.#aimed ?? between;
  }

  /** False: read no more for now. */
  #read(memory: Uint8Array, bytes: number): boolean {
    const read = memory.subarray(0, bytes);
    if (this.#body === null || memory !== this.#aimed) return this.#copied(read);
    this.#filled(this.#body, read);
    return true;
  }

  /** What lies elsewhere: the first read of a body, the first after a pause, and everything between bodies. */
  #copied(read: Uint8Array): boolean {
    let rest = read;
    while (this.#body !== null && rest.length > 0) {
      const room = this.#body.place.room();
      const part = rest.subarray(0, Math.min(room.length, this.#left));
      room.set(part);
      rest = rest.subarray(part.length);
      this.#filled(this.#body, part);
    }
    return rest.length === 0 || this.#passedOn(Buffer.from(rest));
  }

  /** To the parser, or to whoever has the connection since it was upgraded to another protocol. */
  #passedOn(bytes: Buffer): boolean {
    if (insideOf(this.#socket).parser === null) return this.#socket.push(bytes);
    this.#socket.emit('data', bytes);
    return true;
  }

  #filled({ request, place }: Body, bytes: Uint8Array): void {
    this.#left -= bytes.length;
    const last = this.#left === 0;
    if (last) this.stop();
    if (this.#parserAgrees(request, bytes) && request.complete === last) {
      place.filled(bytes.length, last);
    } else {
      this.stop();
      this.#socket.destroy(new Error('The end of a body is not where its length says'));
    }
  }

  /** Shows the parser bytes of a body, which it counts. */
  #parserAgrees(request: IncomingMessage, bytes: Uint8Array): boolean {
    const { parser } = insideOf(this.#socket);
    if (parser?.incoming !== request) return false;
    // Parsers are used again for other connections: never leave one without.
    const onBody = parser[this.#kOnBody];
    parser[this.#kOnBody] = undefined;
    try {
      return parser.execute(bytes) === bytes.length;
    } finally {
      parser[this.#kOnBody] = onBody;
    }
  }
}
