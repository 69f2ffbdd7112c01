/**
 * The handle: commands in, snapshots out. It starts and stops sessions; what it does for one upload (work, tell the server of
 * a pause or the end) happens one after the other, in the order of the commands.
 */
import type { CreateUpload } from '@holdfast/protocol';
import { isWorking } from './phase.ts';
import { sleep } from './sleep.ts';
import type { CompletedUpload, UploadSnapshot } from './snapshot.ts';
import { UploadError } from './upload-error.ts';
import type { UploadHandle } from './upload-handle.ts';
import type { UploadRecord } from './upload-record.ts';
import { runSession, type Session } from './upload-session.ts';

export interface UploadParts extends Omit<Session, 'signal' | 'wish'> {
  readonly wish: () => CreateUpload;
  /** A session begins; the returned function says that it ended. */
  readonly sessionStarted: () => () => void;
}

const tickMs = 500;
/** The server is told of a cancellation so often before it is left to its expiry. */
const cancelAttempts = 3;

interface Deferred {
  readonly promise: Promise<CompletedUpload>;
  readonly resolve: (result: CompletedUpload) => void;
  readonly reject: (error: UploadError) => void;
}

function deferred(): Deferred {
  const { promise, resolve, reject } = Promise.withResolvers<CompletedUpload>();
  // Nobody has to listen; the snapshot has the error too.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

export class ManagedUpload implements UploadHandle {
  readonly id: string;
  readonly #parts: UploadParts;
  readonly #record: UploadRecord;
  #deferred = deferred();
  /** Of the session that is running or about to. */
  #session = new AbortController();
  /** Of the attempt to tell the server of a pause. */
  #telling = new AbortController();
  /** A pause of ours was sent and not answered. */
  #latePause = false;
  #tail: Promise<void> = Promise.resolve();

  constructor(id: string, parts: UploadParts) {
    this.id = id;
    this.#parts = parts;
    this.#record = parts.record;
    this.#start();
  }

  get snapshot(): UploadSnapshot {
    return this.#record.store.value;
  }

  get done(): Promise<CompletedUpload> {
    return this.#deferred.promise;
  }

  /** Whether a session is at work, or waits for somebody else to resume it. */
  get isAtWork(): boolean {
    const { phase } = this.#record;
    return isWorking(phase) || (phase.name === 'paused' && phase.by === 'server');
  }

  subscribe(listener: () => void): () => void {
    return this.#record.store.subscribe(listener);
  }

  pause(): Promise<void> {
    const worked = isWorking(this.#record.phase);
    this.stop();
    // Otherwise there is nothing to tell: the server has it paused, or it is over.
    if (!worked) return this.#tail;
    const telling = new AbortController();
    this.#telling = telling;
    return this.#then(async () => {
      if (!(await this.#tell((uploadId) => this.#parts.api.pause(uploadId, telling.signal)))) this.#latePause = true;
    });
  }

  stop(): void {
    if (!this.isAtWork) return;
    this.#session.abort();
    this.#record.moveTo({ name: 'paused', by: 'user' });
  }

  resume(): void {
    if (this.#record.phase.name === 'paused') this.#start();
  }

  retry(): void {
    const { phase } = this.#record;
    const { waiting } = this.snapshot;
    this.#parts.gate.wake();
    if (phase.name === 'failed') {
      if (this.#record.gone) this.#record.startOver();
      this.#deferred = deferred();
      this.#start();
      return;
    }
    // Waits of single chunks end with their session.
    if (isWorking(phase) && waiting?.reason === 'retrying') this.#start();
  }

  cancel(): Promise<void> {
    const { phase } = this.#record;
    if (phase.name === 'completed' || phase.name === 'cancelled') return this.#tail;
    this.#session.abort();
    this.#telling.abort();
    this.#record.moveTo({ name: 'cancelled' });
    const message = 'The upload was cancelled.';
    this.#deferred.reject(new UploadError(message, { type: 'validation', code: 'cancelled', retryable: false }));
    return this.#then(() => this.#tellCancelled());
  }

  /** Does something when everything before it has ended. The task must not throw. */
  #then(task: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(task);
    return this.#tail;
  }

  #start(): void {
    this.#session.abort();
    this.#telling.abort();
    const session = new AbortController();
    this.#session = session;
    this.#record.moveTo({ name: 'preparing' });
    void this.#then(() => this.#run(session.signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { runtime, source, sessionStarted } = this.#parts;
    const ended = sessionStarted();
    const latePause = this.#latePause;
    this.#latePause = false;
    let cancelTick = () => {};
    const tick = () => {
      this.#record.tick();
      cancelTick = runtime.after(tickMs, tick);
    };
    tick();
    try {
      const result = await runSession({ ...this.#parts, signal }, latePause);
      this.#record.moveTo({ name: 'completed', result });
      this.#deferred.resolve(result);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    } finally {
      cancelTick();
      ended();
      await source.close?.().catch(() => {});
    }
  }

  #fail(cause: unknown): void {
    const error =
      cause instanceof UploadError
        ? cause
        : new UploadError('Something went wrong in the upload client.', {
            type: 'validation',
            code: 'unexpected',
            retryable: true,
            cause,
          });
    this.#record.moveTo({ name: 'failed', error });
    this.#deferred.reject(error);
  }

  /** Tells the server something about the upload, if it knows it. Failing is no error: it finds out by itself. */
  async #tell(call: (uploadId: string) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#record.creating;
      const { uploadId } = this.#record;
      if (uploadId !== null) await call(uploadId);
      return true;
    } catch {
      return false;
    }
  }

  async #tellCancelled(): Promise<void> {
    const { api, runtime } = this.#parts;
    const signal = new AbortController().signal;
    for (let attempt = 1; attempt <= cancelAttempts; attempt += 1) {
      if (await this.#tell((uploadId) => api.cancel(uploadId, signal))) return;
      if (attempt < cancelAttempts) await sleep(runtime, attempt * 1_000, signal);
    }
  }
}
