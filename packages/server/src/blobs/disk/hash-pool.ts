/** Digests of files in worker threads: background hashing that follows uploads, and digests that somebody waits for. */
import { Worker } from 'node:worker_threads';
import { HoldfastError } from '../../core/errors.ts';
import type { Hashed, HashProgress } from '../../core/ports/blob-store.ts';
import { siblingModule } from '../../platform/sibling-module.ts';
import type { HashReply, HashRequest, JoinSource } from './hash-messages.ts';

/** How often a job is given to a new worker after its worker died. */
const attemptsMax = 3;
/** A worker that is at an upload hears of so many bytes more. */
const newsBytesMin = 64 * 1024 * 1024;

export interface HashPoolOptions {
  /** Worker threads at most; they start when first needed. */
  readonly workers: number;
  /** Running hashes that are kept, over all workers; the least recently used is dropped and starts from 0 when its digest is asked for. */
  readonly statesMax: number;
}

/** `digest` by the algorithm that was asked for. */
type Done = Pick<Extract<HashReply, { type: 'done' }>, 'digest' | 'crc32'>;

interface Job {
  readonly request: Extract<HashRequest, { type: 'digest' | 'file' | 'join' }>;
  readonly onBytes: HashProgress | null;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: Error) => void;
  attempts: number;
}

interface Followed {
  readonly path: string;
  upTo: number;
  /** What the worker was told last; equal to `upTo` when it has nothing new to hear. */
  told: number;
  /** Whether the worker is at it. While it is, a little more is only noted. */
  busy: boolean;
}

/** One worker thread, what it was asked, and which uploads it has running hashes of. */
class HashLane {
  readonly jobs = new Map<number, Job>();
  /** Least recently used first. */
  readonly followed = new Map<string, Followed>();
  #worker: Worker | null = null;

  get threadId(): number | null {
    return this.#worker?.threadId ?? null;
  }

  /** Tells the worker to go on with the upload, or how far it is behind. */
  follow(id: string, followed: Followed): void {
    const news = followed.upTo - followed.told;
    if (news <= 0 || (followed.busy && news < newsBytesMin)) return;
    followed.busy = true;
    followed.told = followed.upTo;
    this.#post({ type: 'follow', id, path: followed.path, upTo: followed.upTo });
  }

  forget(id: string): void {
    this.followed.delete(id);
    if (this.#worker !== null) this.#post({ type: 'forget', id });
  }

  submit(job: Job): void {
    job.attempts += 1;
    this.jobs.set(job.request.job, job);
    this.#post(job.request);
    this.#keepAlive();
  }

  /** Ends the worker; jobs are rejected. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.followed.clear();
    this.#rejectJobs(new HoldfastError('unavailable', 'The store was closed while hashing'));
    await worker?.terminate();
  }

  /** A thread that the machine does not grant is one that died before its first word. */
  #post(request: HashRequest): void {
    try {
      this.#worker ??= this.#start();
    } catch (error) {
      this.#replace(error, false);
      return;
    }
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, 'hash-worker'), { execArgv: [], name: 'holdfast-hash' });
    let failure: unknown;
    let spoke = false;
    worker.on('message', (reply: HashReply) => {
      spoke = true;
      this.#receive(reply);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#replace(failure, spoke);
    });
    worker.unref();
    return worker;
  }

  /**
   * The worker died: what it was at starts again from 0 in a new one. After one that never said a word, which none may do on this machine,
   * uploads are followed again with their next bytes.
   */
  #replace(failure: unknown, spoke: boolean): void {
    this.#worker = null;
    for (const [id, followed] of this.followed) {
      followed.busy = false;
      followed.told = 0;
      if (spoke) this.follow(id, followed);
    }
    for (const job of [...this.jobs.values()]) {
      if (job.attempts < attemptsMax) this.submit(job);
      else {
        this.jobs.delete(job.request.job);
        job.reject(new HoldfastError('unavailable', 'Hashing failed again and again', { cause: failure }));
      }
    }
  }

  #receive(reply: HashReply): void {
    if (reply.type === 'followed') {
      const followed = this.followed.get(reply.id);
      if (followed === undefined) return;
      followed.busy = false;
      this.follow(reply.id, followed);
      return;
    }
    const job = this.jobs.get(reply.job);
    if (job === undefined) return;
    if (reply.type === 'progress') {
      job.onBytes?.(reply.bytes);
      return;
    }
    this.jobs.delete(reply.job);
    if (reply.type === 'done') job.resolve(reply);
    else {
      const code = codeOf(reply.code);
      job.reject(new HoldfastError(code, `Stored bytes cannot be hashed: ${reply.message}`));
    }
    this.#keepAlive();
  }

  /** A process must not end while somebody waits for a digest, and must not stay for background work. */
  #keepAlive(): void {
    if (this.jobs.size > 0) this.#worker?.ref();
    else this.#worker?.unref();
  }

  #rejectJobs(error: Error): void {
    const jobs = [...this.jobs.values()];
    this.jobs.clear();
    for (const job of jobs) job.reject(error);
  }
}

function codeOf(failure: string): 'storage-damaged' | 'insufficient-storage' | 'unavailable' {
  if (failure === 'ENOSPC' || failure === 'EDQUOT') return 'insufficient-storage';
  return failure === 'short' || failure === 'ENOENT' || failure === 'ELOOP' ? 'storage-damaged' : 'unavailable';
}

function hashed({ digest, crc32 }: Done): Hashed {
  return { sha256: digest, crc32 };
}

export class HashPool {
  readonly #lanes: readonly HashLane[];
  readonly #laneOf = new Map<string, HashLane>();
  /** Uploads whose running hash was dropped: following them again would only push out others, from 0 each time. */
  readonly #dropped = new Set<string>();
  readonly #statesMax: number;
  #jobs = 0;
  #closed = false;

  constructor(options: HashPoolOptions) {
    this.#lanes = Array.from({ length: Math.max(1, options.workers) }, () => new HashLane());
    this.#statesMax = options.statesMax;
  }

  /** The first `upTo` bytes of the file may be hashed in the background. Only the highest `upTo` counts. */
  follow(id: string, path: string, upTo: number): void {
    if (this.#closed || this.#dropped.has(id)) return;
    const lane = this.#lane(id);
    const followed = lane.followed.get(id) ?? { path, upTo, told: 0, busy: false };
    followed.upTo = Math.max(followed.upTo, upTo);
    lane.followed.delete(id);
    lane.followed.set(id, followed);
    lane.follow(id, followed);
  }

  /** Up to which byte of the upload hashing may have come. */
  followedTo(id: string): number {
    return this.#laneOf.get(id)?.followed.get(id)?.upTo ?? 0;
  }

  /** Drops what was hashed of the upload: its bytes change or go away. */
  forget(id: string): void {
    this.#dropped.delete(id);
    this.#laneOf.get(id)?.forget(id);
    this.#laneOf.delete(id);
  }

  /** Of the upload's first `size` bytes. Rejects with `storage-damaged` when the file is missing or short. */
  async hash(id: string, path: string, size: number, onBytes: HashProgress | null = null): Promise<Hashed> {
    this.#jobs += 1;
    return hashed(await this.#submit(this.#lane(id), { type: 'digest', job: this.#jobs, id, path, size }, onBytes));
  }

  /** A digest of a whole file, read from the start; lower-case hex. `onBytes` hears how many bytes were read so far. */
  async digestFile(
    file: Pick<Extract<HashRequest, { type: 'file' }>, 'path' | 'size' | 'algorithm' | 'awaited'>,
    onBytes: HashProgress | null,
  ): Promise<string> {
    this.#jobs += 1;
    return (await this.#submit(this.#leastBusy(), { type: 'file', job: this.#jobs, ...file }, onBytes)).digest;
  }

  /**
   * Copies the sources behind each other into the file at `path`, which is there, and hashes them on the way. Rejects with `storage-damaged`
   * when a source is missing or short, `insufficient-storage`, `unavailable`.
   */
  async join(
    path: string | Uint8Array,
    sources: readonly JoinSource[],
    onBytes: HashProgress | null = null,
  ): Promise<Hashed> {
    this.#jobs += 1;
    return hashed(await this.#submit(this.#leastBusy(), { type: 'join', job: this.#jobs, path, sources }, onBytes));
  }

  /** Ids of the worker threads that run, for tests. */
  threadIds(): number[] {
    return this.#lanes.flatMap((lane) => (lane.threadId === null ? [] : [lane.threadId]));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #submit(lane: HashLane, request: Job['request'], onBytes: Job['onBytes']): Promise<Done> {
    if (this.#closed) return Promise.reject(new HoldfastError('unavailable', 'The store is closed'));
    return new Promise((resolve, reject) => lane.submit({ request, onBytes, resolve, reject, attempts: 0 }));
  }

  #lane(id: string): HashLane {
    const known = this.#laneOf.get(id);
    if (known !== undefined) {
      this.#laneOf.delete(id);
      this.#laneOf.set(id, known);
      return known;
    }
    if (this.#laneOf.size >= this.#statesMax) this.#dropLeastRecent();
    const lane = this.#leastBusy();
    this.#laneOf.set(id, lane);
    return lane;
  }

  #dropLeastRecent(): void {
    const [oldest] = this.#laneOf.keys();
    if (oldest === undefined) return;
    this.forget(oldest);
    this.#dropped.add(oldest);
    const [first] = this.#dropped;
    if (this.#dropped.size > 10 * this.#statesMax && first !== undefined) this.#dropped.delete(first);
  }

  #leastBusy(): HashLane {
    const busy = (lane: HashLane) => lane.jobs.size * 8 + [...lane.followed.values()].filter((f) => f.busy).length;
    return this.#lanes.reduce((best, lane) => (busy(lane) < busy(best) ? lane : best));
  }
}
