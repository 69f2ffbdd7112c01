/**
 * MD5 of chunks in threads of their own. It is the most expensive of what is done with a chunk (1.8 CPU s per GiB, more than twice as much as
 * SHA-256 on processors with instructions for that), and S3 knows chunks by it.
 */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../../platform/sibling-module.ts';

/** Handing less over costs more than it saves. */
const threadedBytesMin = 128 * 1024;

export interface Md5Request {
  readonly job: number;
  readonly buffers: readonly Uint8Array[];
}

export interface Md5Reply {
  readonly job: number;
  /** Lower-case hex. */
  readonly md5: string;
}

interface Job {
  readonly buffers: readonly Uint8Array[];
  readonly resolve: (md5: string) => void;
}

/** One thread and what it was asked. */
class Lane {
  readonly jobs = new Map<number, Job>();
  #worker: Worker | null = null;
  #asked = 0;

  of(buffers: readonly Uint8Array[]): Promise<string> {
    return new Promise((resolve) => {
      this.#asked += 1;
      this.jobs.set(this.#asked, { buffers, resolve });
      try {
        this.#worker ??= this.#start();
      } catch {
        // The machine grants no thread.
        this.#finish();
        return;
      }
      const request: Md5Request = { job: this.#asked, buffers };
      this.#worker.ref();
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#finish();
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, 'md5-worker'), { execArgv: [], name: 'holdfast-md5' });
    worker.on('message', ({ job, md5 }: Md5Reply) => {
      this.jobs.get(job)?.resolve(md5);
      this.jobs.delete(job);
      if (this.jobs.size === 0) worker.unref();
    });
    // `exit` follows, and tells it all.
    worker.on('error', () => {});
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#finish();
    });
    return worker;
  }

  /** The thread is gone: what it was asked is done here. */
  #finish(): void {
    for (const { buffers, resolve } of this.jobs.values()) resolve(md5Of(buffers));
    this.jobs.clear();
  }
}

export class Md5Threads {
  readonly #lanes: readonly Lane[];

  /** Threads start when they are first needed. */
  constructor(threads: number) {
    this.#lanes = Array.from({ length: threads }, () => new Lane());
  }

  /** Lower-case hex. The bytes have to stay as they are meanwhile; where they are not in shared memory, they are copied. */
  async of(buffers: readonly Uint8Array[]): Promise<string> {
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    const [lane] = [...this.#lanes].sort((a, b) => a.jobs.size - b.jobs.size);
    return bytes < threadedBytesMin || lane === undefined ? md5Of(buffers) : await lane.of(buffers);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

function md5Of(buffers: readonly Uint8Array[]): string {
  const md5 = createHash('md5');
  for (const buffer of buffers) md5.update(buffer);
  return md5.digest('hex');
}
