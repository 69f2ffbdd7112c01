/**
 * Chunks past the server, straight to its store: address → PUT → report. Where the store cannot be reached from here (no CORS rules, another
 * network, a page's own policy) the chunk goes to the server as if nothing had been, and so do the next ones for a while.
 */
import type { ChunkAddress, ChunkReceipt } from '@holdfast/protocol';
import type { ChunkSending } from './chunk-sender.ts';
import type { Runtime } from './runtime.ts';
import { canDigest, sha256Hex } from './sha256.ts';
import { readSpan } from './source-reading.ts';
import { UploadError } from './upload-error.ts';
import { blobBytes, type ChunkBytes } from './upload-source.ts';

/** For smaller chunks the two requests beside cost more than they save. */
const chunkBytesMin = 2 ** 20;
/** Addresses asked for at once; each holds some minutes. */
const addressesAtOnce = 8;
/** What is left of an address has to be enough for the request to begin. */
const marginMs = 60_000;
/** After a failure: of a store that was reached before, of one that never was. */
const pauseMs = 30_000;
const unreachablePauseMs = 10 * 60_000;

/** Whether the store can be reached from here; one per client. */
export class DirectRoute {
  readonly #runtime: Runtime;
  #reached = false;
  #closedUntil = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get isOpen(): boolean {
    return this.#runtime.now() >= this.#closedUntil;
  }

  now(): number {
    return this.#runtime.now();
  }

  reached(): void {
    this.#reached = true;
  }

  failed(): void {
    this.#closedUntil = this.#runtime.now() + (this.#reached ? pauseMs : unreachablePauseMs);
  }
}

interface Address {
  readonly url: string;
  readonly until: number;
}

/** Of one upload. */
export class DirectSender {
  readonly #route: DirectRoute;
  readonly #totalChunks: number;
  readonly #addresses = new Map<number, Address>();
  /** Sent and not acknowledged, with the ETag as far as it may be seen: a report that failed is repeated without sending again. */
  readonly #sent = new Map<number, string | undefined>();

  constructor(route: DirectRoute, totalChunks: number) {
    this.#route = route;
    this.#totalChunks = totalChunks;
  }

  /** Null when the chunk has to go to the server. @throws UploadError; the signal's reason. */
  async send(sending: ChunkSending): Promise<ChunkReceipt | null> {
    const { api, source, uploadId, span, digests, signal } = sending;
    const { index, start, end } = span;
    if (end - start < chunkBytesMin || !this.#route.isOpen) return null;
    try {
      const body = await readSpan(source, span, signal);
      const sha256 = digests ? await digestOf(sending, body) : undefined;
      signal.throwIfAborted();
      if (!this.#sent.has(index) && !(await this.#put(sending, body))) return null;
      const etag = this.#sent.get(index);
      const receipt = await api.reportChunk({ uploadId, index, etag, sha256, signal });
      this.#sent.delete(index);
      return receipt;
    } catch (error) {
      // The server has judged what it found there, or found nothing.
      if (error instanceof UploadError && error.status !== undefined && error.status < 500) this.#sent.delete(index);
      if (!(error instanceof UploadError) || error.code !== 'direct-not-offered') throw error;
      this.#route.failed();
      return null;
    }
  }

  /** False when the store could not be reached, or refused. */
  async #put({ api, uploadId, span, patience, signal, onSent }: ChunkSending, body: ChunkBytes): Promise<boolean> {
    const { index, start, end } = span;
    const url = await this.#address(index, (chunks) => api.addresses(uploadId, chunks, signal));
    try {
      const etag = await api.putDirect({ url, body, bytes: end - start, patience, signal, onSent });
      this.#sent.set(index, etag);
      this.#route.reached();
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof UploadError) || error.type === 'validation') throw error;
      // Whether it was the file that failed.
      if (body instanceof Blob) await blobBytes(body.slice(0, 1));
      this.#route.failed();
      return false;
    }
  }

  async #address(index: number, ask: (chunks: number[]) => Promise<ChunkAddress[]>): Promise<string> {
    const now = this.#route.now();
    const known = this.#addresses.get(index);
    this.#addresses.delete(index);
    if (known !== undefined && now < known.until) return known.url;
    const count = Math.min(addressesAtOnce, this.#totalChunks - index);
    const asked = await ask(Array.from({ length: count }, (_, i) => index + i));
    let url: string | undefined;
    for (const address of asked) {
      if (address.index === index) url = address.url;
      else this.#addresses.set(address.index, { url: address.url, until: now + address.expiresIn * 1_000 - marginMs });
    }
    if (url !== undefined) return url;
    throw new UploadError('The server gave no address.', { type: 'server', code: 'bad-answer', retryable: true });
  }
}

async function digestOf({ api, signal }: ChunkSending, body: ChunkBytes): Promise<string | undefined> {
  if (body instanceof Blob && api.hashing !== undefined) return api.hashing.sha256(body, signal);
  return canDigest() ? sha256Hex(body instanceof Blob ? await blobBytes(body) : body) : undefined;
}
