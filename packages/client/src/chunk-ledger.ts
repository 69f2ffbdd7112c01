/**
 * Which chunks the server has, which are on their way, which are still to be sent. Pure.
 *
 * A chunk is in one of three places: to send → in flight → acknowledged; `dropInFlight` puts those on their way back. When the
 * server is asked again, a new ledger replaces this one. Invariants: a chunk is in one place only; acknowledged bytes never fall.
 */
import type { Upload } from '@holdfast/protocol';
import type { Span } from './source-reading.ts';

export interface ChunkSpan extends Span {
  readonly index: number;
}

/** What the server says about an upload, as far as the ledger needs it. */
export type ServerView = Pick<
  Upload,
  'size' | 'chunkSize' | 'totalChunks' | 'receivedBytes' | 'receivedChunks' | 'missingChunks' | 'missingTruncated'
>;

export class ChunkLedger {
  readonly size: number;
  readonly chunkSize: number;
  readonly totalChunks: number;
  /** Whether more is missing than the server listed: ask again when these are sent. */
  readonly truncated: boolean;
  readonly #toSend: number[];
  readonly #inFlight = new Map<number, number>();
  #acknowledgedBytes: number;
  #acknowledgedChunks: number;

  constructor(view: ServerView) {
    // Only null while another protocol appends; what this client created has a size.
    this.size = view.size ?? view.receivedBytes;
    this.chunkSize = view.chunkSize;
    this.totalChunks = view.totalChunks;
    this.truncated = view.missingTruncated;
    // Reversed, so that the next chunk is taken from the end.
    this.#toSend = [...view.missingChunks].sort((a, b) => b - a);
    this.#acknowledgedBytes = view.receivedBytes;
    this.#acknowledgedChunks = view.receivedChunks;
  }

  /** The next chunk to send, in order; it is in flight from now on. Null when there is none. */
  take(): ChunkSpan | null {
    const index = this.#toSend.pop();
    if (index === undefined) return null;
    this.#inFlight.set(index, 0);
    return this.span(index);
  }

  span(index: number): ChunkSpan {
    const start = index * this.chunkSize;
    return { index, start, end: Math.min(start + this.chunkSize, this.size) };
  }

  /** So many bytes of the chunk are with the network. Returns how many more than before; negative when it begins anew. */
  progress(index: number, sentBytes: number): number {
    const before = this.#inFlight.get(index);
    if (before === undefined) return 0;
    const { start, end } = this.span(index);
    const now = Math.min(sentBytes, end - start);
    this.#inFlight.set(index, now);
    return now - before;
  }

  /** The server has it. `receivedBytes` is its count; receipts may overtake each other, so the highest counts. */
  acknowledge(index: number, receivedBytes: number): void {
    if (!this.#inFlight.delete(index)) return;
    this.#acknowledgedBytes = Math.min(this.size, Math.max(this.#acknowledgedBytes, receivedBytes));
    this.#acknowledgedChunks += 1;
  }

  get toSendCount(): number {
    return this.#toSend.length;
  }

  get acknowledgedBytes(): number {
    return this.#acknowledgedBytes;
  }

  get acknowledgedChunks(): number {
    return this.#acknowledgedChunks;
  }

  /** Bytes with the network; together with the acknowledged ones never more than the file has. */
  get inFlightBytes(): number {
    let bytes = 0;
    for (const sent of this.#inFlight.values()) bytes += sent;
    return Math.min(bytes, this.size - this.#acknowledgedBytes);
  }

  /** What was on its way is not any more. */
  dropInFlight(): void {
    for (const index of this.#inFlight.keys()) this.#toSend.push(index);
    this.#toSend.sort((a, b) => b - a);
    this.#inFlight.clear();
  }
}
