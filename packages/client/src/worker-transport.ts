/**
 * Requests in a worker, so that reading, hashing and the events of XMLHttpRequest leave the page's thread free. Where no worker can be
 * had (content security policy, an old bundler, another origin), the same happens in the page.
 */
import { sendWithDigest } from './body-digest.ts';
import type { Runtime } from './runtime.ts';
import { sha256Hex } from './sha256.ts';
import type { BodyHashing, Transport, TransportOptions, TransportRequest, TransportResponse } from './transport.ts';
import { UploadError } from './upload-error.ts';
import { blobBytes, sourceUnreadable, unreadableBlob } from './upload-source.ts';
import type { WorkerOrder, WorkerReport } from './worker-messages.ts';

export interface WorkerTransportOptions {
  /** Default: `worker.js` of this package, where a bundler finds it. */
  readonly createWorker?: (() => Worker) | undefined;
  /** What sends where there is no worker. */
  readonly inPage: Transport;
  readonly runtime: Runtime;
}

/** A worker that has not said that it runs by then will not: some policies stop it without a word. */
const readyWithinMs = 5_000;

type Order = { readonly kind: 'send' } & Omit<Extract<WorkerOrder, { kind: 'send' }>, 'id'>;
type Hash = { readonly kind: 'hash'; readonly blob: Blob };

interface Job {
  readonly onSent: ((bytes: number) => void) | undefined;
  readonly settle: (report: Exclude<WorkerReport, { kind: 'ready' | 'sent' }>) => void;
  readonly lost: () => void;
}

// Written out like this, because that is what bundlers recognise.
const packagedWorker = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

export class WorkerTransport implements Transport {
  readonly hashing: BodyHashing;
  readonly #options: WorkerTransportOptions;
  readonly #jobs = new Map<number, Job>();
  #worker: Promise<Worker | null> | null = null;
  #lastJob = 0;

  constructor(options: WorkerTransportOptions) {
    this.#options = options;
    this.hashing = { sha256: (blob, signal) => this.#hash(blob, signal) };
  }

  async send(request: TransportRequest, options: TransportOptions): Promise<TransportResponse> {
    const { signal, onSent } = options;
    const worker = await this.#started();
    signal.throwIfAborted();
    if (worker === null) return sendWithDigest(this.#options.inPage, request, options);
    const order: Order = {
      kind: 'send',
      request: { ...request, url: absolute(request.url) },
      reportsSent: onSent !== undefined,
    };
    const report = await this.#perform(worker, order, options);
    if (report.kind !== 'answered') throw new TypeError('The worker answered something else.');
    return report.response;
  }

  close(): void {
    const worker = this.#worker;
    this.#worker = null;
    void worker?.then((it) => it?.terminate());
    this.#loseJobs();
  }

  async #hash(blob: Blob, signal: AbortSignal): Promise<string> {
    const worker = await this.#started();
    signal.throwIfAborted();
    if (worker === null) return sha256Hex(await blobBytes(blob));
    const report = await this.#perform(worker, { kind: 'hash', blob }, { signal });
    if (report.kind !== 'hashed') throw new TypeError('The worker answered something else.');
    return report.sha256;
  }

  #started(): Promise<Worker | null> {
    this.#worker ??= this.#start();
    return this.#worker;
  }

  /** The worker once it runs; null when it will not. */
  #start(): Promise<Worker | null> {
    return new Promise((resolve) => {
      let worker: Worker;
      try {
        worker = (this.#options.createWorker ?? packagedWorker)();
      } catch {
        resolve(null);
        return;
      }
      const giveUp = () => {
        cancelTimer();
        worker.terminate();
        this.#loseJobs();
        resolve(null);
        // One that had run: from now on in the page.
        if (this.#worker !== null) this.#worker = Promise.resolve(null);
      };
      const cancelTimer = this.#options.runtime.after(readyWithinMs, giveUp);
      worker.addEventListener('error', giveUp);
      worker.addEventListener('message', ({ data }: MessageEvent<WorkerReport>) => {
        if (data.kind !== 'ready') this.#heard(data);
        else {
          cancelTimer();
          resolve(worker);
        }
      });
    });
  }

  #heard(report: Exclude<WorkerReport, { kind: 'ready' }>): void {
    const job = this.#jobs.get(report.id);
    if (report.kind === 'sent') job?.onSent?.(report.bytes);
    else job?.settle(report);
  }

  #perform(
    worker: Worker,
    order: Order | Hash,
    { signal, onSent }: TransportOptions,
  ): Promise<Exclude<WorkerReport, { kind: 'ready' | 'sent' | 'failed' }>> {
    this.#lastJob += 1;
    const id = this.#lastJob;
    const post = (message: WorkerOrder) => worker.postMessage(message);
    return new Promise((resolve, reject) => {
      const over = () => {
        signal.removeEventListener('abort', abort);
        this.#jobs.delete(id);
      };
      const abort = () => {
        over();
        post({ kind: 'abort', id });
        reject(signal.reason);
      };
      const fail = (error: Error) => {
        over();
        reject(error);
      };
      this.#jobs.set(id, {
        onSent,
        settle: (report) => {
          if (report.kind === 'failed') {
            fail(report.unreadable ? sourceUnreadable(unreadableBlob, report.message) : new TypeError(report.message));
          } else {
            over();
            resolve(report);
          }
        },
        lost: () => fail(workerEnded()),
      });
      signal.addEventListener('abort', abort, { once: true });
      post({ ...order, id });
    });
  }

  #loseJobs(): void {
    for (const job of [...this.#jobs.values()]) job.lost();
  }
}

/** As if the network had failed: it is tried again, in another worker or without one. */
function workerEnded(): UploadError {
  return new UploadError('The worker ended.', { type: 'network', code: 'unreachable', retryable: true });
}

/** A worker would take an address as relative to its own script. */
function absolute(url: string): string {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}
