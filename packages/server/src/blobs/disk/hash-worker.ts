/**
 * Worker thread: digests of files, off the path of receipts. Reads in steps of 256 KiB into one buffer with synchronous calls (only this
 * thread waits), and takes turns between its tasks so that a big file does not hold up the others.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { getPriority, platform, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { crc32 } from '@node-rs/crc32';
import { invariant } from '../../core/errors.ts';
import { type HashReply, type HashRequest, hashStepBytes, type JoinSource } from './hash-messages.ts';
import { RunningDigests } from './running-digests.ts';

/** Bytes per turn of a task. */
const turnBytes = 8 * 1024 * 1024;
/** Of one that rests in between, which may take long on a busy machine: a digest that somebody asks for meanwhile comes after it. */
const restingTurnBytes = 1024 * 1024;
/** Niceness while somebody waits for a result, and while nobody does: receipts come first. */
const awaitedNice = getPriority();
const backgroundNice = 19;
/** Whether this thread may come back from a low priority. If not, what is waited for would be the last in the queue too. */
const mayBeNice = platform() === 'linux' && mayRaisePriority();
/**
 * How long following an upload leaves its core after each step, in ms. The scheduler of Linux keeps even the nicest thread on its core for
 * milliseconds while another waits for it; one that sleeps is out of the way at once. On an idle core 0.05 costs a quarter of the speed.
 */
const restMs = mayBeNice ? 0.05 : 0.25;
/** Bytes that following may be behind before it takes its share like everybody: a file waits for them at its end, 0.6 s at 1.8 GB/s. */
const behindMax = 1024 * 1024 * 1024;

/** A running hash: the first `at` bytes are in it. CRC-32 costs a tenth of SHA-256 and less, and tells whether they are the recorded ones. */
interface Running {
  readonly hash: Hash | RunningDigests;
  crc32: number;
  at: number;
}
type Job = Extract<HashRequest, { type: 'digest' | 'file' | 'join' }> & {
  readonly running: Running;
  readonly size: number;
};

const port = parentPort;
invariant(port !== null, 'runs as a worker thread');
const buffer = Buffer.allocUnsafeSlow(hashStepBytes);
const bell = new Int32Array(new SharedArrayBuffer(4));
const states = new Map<string, Running>();
const follows = new Map<string, { readonly path: string; readonly upTo: number }>();
const jobs: Job[] = [];
let scheduled = false;
let nice = awaitedNice;

function reply(message: HashReply): void {
  port?.postMessage(message);
}

/** Of the calling thread, as it is on Linux. It takes a privilege (CAP_SYS_NICE, RLIMIT_NICE); without one, this costs one step. */
function mayRaisePriority(): boolean {
  try {
    setPriority(awaitedNice + 1);
    setPriority(awaitedNice);
    return true;
  } catch {
    return false;
  }
}

function beNice(value: number): void {
  if (nice === value || !mayBeNice) return;
  nice = value;
  setPriority(value);
}

function freshRunning(): Running {
  return { hash: createHash('sha256'), crc32: 0, at: 0 };
}

function stateOf(id: string): Running {
  const state = states.get(id) ?? freshRunning();
  states.set(id, state);
  return state;
}

function take(running: Running, bytes: Uint8Array): void {
  running.hash.update(bytes);
  running.crc32 = crc32(bytes, running.crc32);
  running.at += bytes.byteLength;
}

function openAt(path: string | Uint8Array, mode: number): number {
  const known = typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  return openSync(known, mode | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Nobody rings. */
function rest(): void {
  Atomics.wait(bell, 0, 0, restMs);
}

/** Hashes on towards `end`, at most one turn; false when the file has no more bytes. */
function hashTurn(running: Running, path: string | Uint8Array, end: number, afterStep = () => {}): boolean {
  const stop = Math.min(end, running.at + turnBytes);
  if (running.at >= stop) return true;
  const fd = openAt(path, constants.O_RDONLY);
  try {
    while (running.at < stop) {
      const taken = readSync(fd, buffer, 0, Math.min(hashStepBytes, stop - running.at), running.at);
      if (taken === 0) return false;
      take(running, buffer.subarray(0, taken));
      afterStep();
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

/** A copy, so that asking again (after a crash in between, in the caller) does not start from 0. */
function hexOf(hash: Running['hash']): string {
  return hash instanceof RunningDigests ? hash.only() : hash.copy().digest('hex');
}

/** Copies and hashes on, at most one turn and one source; false when a source has fewer bytes than it should. */
function joinTurn(
  running: Running,
  job: { readonly path: string | Uint8Array; readonly sources: readonly JoinSource[] },
): boolean {
  let start = 0;
  const source = job.sources.find(({ size }) => {
    start += size;
    return start > running.at;
  });
  if (source === undefined) return true;
  start -= source.size;
  if (source.path === null) return hashTurn(running, job.path, start + source.size);
  const stop = Math.min(start + source.size, running.at + turnBytes);
  const from = openAt(source.path, constants.O_RDONLY);
  try {
    const to = openAt(job.path, constants.O_WRONLY);
    try {
      while (running.at < stop) {
        const taken = readSync(from, buffer, 0, Math.min(hashStepBytes, stop - running.at), running.at - start);
        if (taken === 0) return false;
        for (let done = 0; done < taken; ) done += writeSync(to, buffer, done, taken - done, running.at + done);
        take(running, buffer.subarray(0, taken));
      }
      return true;
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function failureOf(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

function jobTurn(job: Job): void {
  const { running } = job;
  try {
    const more = job.type === 'join' ? joinTurn(running, job) : hashTurn(running, job.path, job.size);
    if (!more) {
      reply({
        type: 'failed',
        job: job.job,
        code: 'short',
        message: `the file ends at ${running.at} of ${job.size} bytes`,
      });
    } else if (running.at < job.size) {
      reply({ type: 'progress', job: job.job, bytes: running.at });
      jobs.push(job);
    } else {
      reply({ type: 'done', job: job.job, digest: hexOf(running.hash), crc32: running.crc32 });
    }
  } catch (error) {
    reply({ type: 'failed', job: job.job, ...failureOf(error) });
  }
}

function followTurn(id: string, follow: { readonly path: string; readonly upTo: number }): void {
  follows.delete(id);
  const state = stateOf(id);
  const late = follow.upTo - state.at >= behindMax;
  beNice(late ? awaitedNice : backgroundNice);
  try {
    const more = late
      ? hashTurn(state, follow.path, follow.upTo)
      : hashTurn(state, follow.path, Math.min(follow.upTo, state.at + restingTurnBytes), rest);
    if (more && state.at < follow.upTo && !follows.has(id)) follows.set(id, follow);
  } catch {
    // Nobody waits for this; whoever asks for the digest meets the same failure and is told.
  }
  if (!follows.has(id)) reply({ type: 'followed', id });
}

function turn(): void {
  scheduled = false;
  const job = jobs.shift();
  const awaited = job !== undefined && (job.type === 'digest' || (job.type === 'file' && job.awaited));
  if (job !== undefined) {
    beNice(awaited ? awaitedNice : backgroundNice);
    jobTurn(job);
  }
  // A digest is waited for; the check of a whole asset is not, and shares with the uploads.
  if (!awaited) {
    for (const [id, follow] of follows) {
      followTurn(id, follow);
      break;
    }
  }
  schedule();
}

/** Between two turns the event loop brings new messages in. */
function schedule(): void {
  if (scheduled || (jobs.length === 0 && follows.size === 0)) return;
  scheduled = true;
  setImmediate(turn);
}

function accept(request: HashRequest): void {
  switch (request.type) {
    case 'follow':
      follows.set(request.id, { path: request.path, upTo: request.upTo });
      break;
    case 'digest': {
      const state = stateOf(request.id);
      // More than asked for is in it: of no use for this digest.
      jobs.push({ ...request, running: state.at > request.size ? freshRunning() : state });
      break;
    }
    case 'file':
      jobs.push({
        ...request,
        running:
          request.algorithm === 'sha-256'
            ? freshRunning()
            : { hash: new RunningDigests([request.algorithm]), crc32: 0, at: 0 },
      });
      break;
    case 'join':
      jobs.push({ ...request, running: freshRunning(), size: request.sources.reduce((sum, one) => sum + one.size, 0) });
      break;
    case 'forget':
      states.delete(request.id);
      follows.delete(request.id);
      break;
  }
  schedule();
}

port.on('message', accept);
