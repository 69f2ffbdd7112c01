/**
 * Runs a foreign program fenced in: no shell, no standard input, its own process group, a wall-clock limit, caps on every output, low
 * priority; caps on memory, CPU time and file size where `prlimit` is there; no network where `unshare` can take it away. When this
 * resolves or rejects, the whole group is dead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import type { Readable } from 'node:stream';
import type { Clock } from '../../core/ports/clock.ts';
import { currentWork } from '../work.ts';

/** Gives the program that long between SIGTERM and SIGKILL. */
const termMs = 2_000;
const stderrTailBytes = 8_192;
const stderrBytesMax = 64 * 1024 * 1024;

/** An output of the program that we read. A handler that returns a promise holds the program back until it resolves. */
export interface OutputPipe {
  /** File descriptor in the program: 1, or 3 and up. */
  readonly fd: number;
  readonly bytesMax: number;
  take(chunk: Buffer): void | Promise<void>;
}

export interface FencedRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly outputs: readonly OutputPipe[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Path of `prlimit` and the most address space in bytes; null for no cap. */
  readonly memory?: { readonly prlimit: string; readonly bytesMax: number } | null;
  /** What the kernel lets one process use up, held by `prlimit`; null for no cap. */
  readonly usage?: UsageCaps | null;
  /** Command and options that take the network away before the program starts (see `networkFence`); null leaves it. */
  readonly isolation?: readonly string[] | null;
  /** How much it stands back for the server: nice 10, or 19 for what nobody waits for. Default: `low`. */
  readonly priority?: 'low' | 'lowest';
}

export interface UsageCaps {
  /** Path of `prlimit`. */
  readonly prlimit: string;
  /** CPU time of a process with all its threads; the kernel kills it at the limit. */
  readonly cpuSecondsMax?: number;
  /** Between SIGXCPU at the limit, which says what happened, and the kill; without it the kill comes at once. */
  readonly cpuGraceSeconds?: number;
  /** Largest file that it may write; 0 lets it write to pipes only. */
  readonly fileBytesMax?: number;
}

export interface FencedExit {
  /** Exit code; null when the program died by a signal of its own. */
  readonly code: number | null;
  readonly signalName: string | null;
  /** The end of what it wrote to standard error. */
  readonly stderrTail: string;
  readonly stderrLines: number;
}

export type FenceKind = 'aborted' | 'timeout' | 'output-too-large' | 'not-started' | 'handler-failed';

/** The program was stopped by us, or could not be started. An exit code of its own choice is no error here. */
export class FenceError extends Error {
  readonly kind: FenceKind;
  readonly stderrTail: string;

  constructor(kind: FenceKind, message: string, options: { stderrTail?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FenceError';
    this.kind = kind;
    this.stderrTail = options.stderrTail ?? '';
  }
}

/** Runs the program to its end. Rejects with `FenceError`; an abort rejects with kind `aborted`. */
export async function runFenced(run: FencedRun): Promise<FencedExit> {
  if (run.signal.aborted) throw new FenceError('aborted', `${run.command} was not started: aborted`);
  const child = start(run);
  const work = currentWork();
  if (child.pid !== undefined) work?.started(child.pid);
  const guard = new GroupGuard(child, run);
  const onAbort = () => guard.stop(new FenceError('aborted', `${run.command} was aborted`));
  const seconds = Math.round(run.timeoutMs / 100) / 10;
  const cancelTimer = run.clock.after(run.timeoutMs, () =>
    guard.stop(new FenceError('timeout', `${run.command} took longer than ${seconds} s`)),
  );
  run.signal.addEventListener('abort', onAbort, { once: true });
  const stderr = new StderrTail();
  let exitCode: number | null = null;
  try {
    const exit = guard.exited();
    const pumps = run.outputs.map((output) => pump(child, output, guard));
    pumps.push(pump(child, { fd: 2, bytesMax: stderrBytesMax, take: (chunk) => stderr.take(chunk) }, guard));
    const { code, signalName } = await exit;
    exitCode = code;
    // A descendant that outlived the program would keep the pipes open for ever.
    guard.killGroup('SIGKILL');
    await Promise.all(pumps);
    if (guard.cause) throw withTail(guard.cause, stderr.text());
    return { code, signalName, stderrTail: stderr.text(), stderrLines: stderr.lines };
  } finally {
    cancelTimer();
    work?.ended(child.pid, { exitCode, stderrTail: stderr.text() });
    guard.release();
    run.signal.removeEventListener('abort', onAbort);
  }
}

function withTail(error: FenceError, stderrTail: string): FenceError {
  return new FenceError(error.kind, error.message, { stderrTail, cause: error.cause });
}

function start(run: FencedRun): ChildProcess {
  const highest = Math.max(2, ...run.outputs.map((output) => output.fd));
  const wanted = new Set([2, ...run.outputs.map((output) => output.fd)]);
  const stdio = Array.from({ length: highest + 1 }, (_, fd) => (wanted.has(fd) ? 'pipe' : 'ignore'));
  const [file = run.command, ...args] = [...(run.isolation ?? []), ...prlimits(run), run.command, ...run.args];
  const child = spawn(file, args, {
    stdio: stdio as ('pipe' | 'ignore')[],
    detached: true,
    windowsHide: true,
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    // A fixed environment: settings of the server (keys, proxies) are none of the program's business.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', ...run.env },
  });
  if (child.pid !== undefined) lowerPriority(child.pid, run.priority ?? 'low');
  return child;
}

/** Limits are inherited, so those that are set before the program starts are the program's. */
function prlimits({ memory, usage }: FencedRun): string[] {
  const prlimit = memory?.prlimit ?? usage?.prlimit;
  if (prlimit === undefined) return [];
  const caps = ['--core=0'];
  if (memory) caps.push(`--as=${memory.bytesMax}`);
  if (usage?.cpuSecondsMax !== undefined) {
    const seconds = Math.max(1, Math.ceil(usage.cpuSecondsMax));
    caps.push(`--cpu=${seconds}:${seconds + (usage.cpuGraceSeconds ?? 0)}`);
  }
  if (usage?.fileBytesMax !== undefined) caps.push(`--fsize=${usage.fileBytesMax}`);
  return [prlimit, ...caps, '--'];
}

function lowerPriority(pid: number, priority: 'low' | 'lowest'): void {
  const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = os.constants.priority;
  try {
    os.setPriority(pid, priority === 'low' ? PRIORITY_BELOW_NORMAL : PRIORITY_LOW);
  } catch {
    // It may have ended already; priority is a courtesy, not a promise.
  }
}

/** Ends a process group: asks first, then kills. */
class GroupGuard {
  /** Why we stopped it; null while we did not. */
  cause: FenceError | null = null;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  /** The program's own name: the process may have been started through another. */
  readonly command: string;
  #cancelKill: () => void = () => {};

  constructor(child: ChildProcess, { clock, command }: FencedRun) {
    this.#child = child;
    this.#clock = clock;
    this.command = command;
  }

  exited(): Promise<{ code: number | null; signalName: string | null }> {
    return new Promise((resolve) => {
      this.#child.once('error', (cause) => {
        this.cause ??= new FenceError('not-started', `${this.command} cannot be run: ${cause.message}`, {
          cause,
        });
        if (this.#child.pid === undefined) resolve({ code: null, signalName: null });
      });
      this.#child.once('exit', (code, signalName) => resolve({ code, signalName }));
    });
  }

  stop(cause: FenceError): void {
    if (this.cause) return;
    this.cause = cause;
    this.killGroup('SIGTERM');
    this.#cancelKill = this.#clock.after(termMs, () => this.killGroup('SIGKILL'));
  }

  killGroup(name: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // ESRCH: the group is gone, which is what was wanted.
    }
  }

  release(): void {
    this.#cancelKill();
  }
}

async function pump(child: ChildProcess, output: OutputPipe, guard: GroupGuard): Promise<void> {
  const stream = child.stdio[output.fd] as Readable | null | undefined;
  if (!stream) return;
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (guard.cause) continue;
      bytes += chunk.length;
      currentWork()?.active();
      if (bytes > output.bytesMax) {
        guard.stop(
          new FenceError(
            'output-too-large',
            `${guard.command} wrote more than ${output.bytesMax} bytes to fd ${output.fd}`,
          ),
        );
        continue;
      }
      await output.take(chunk);
    }
  } catch (cause) {
    // A pipe that breaks because the program died says nothing new; our own handler's failure does.
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') return;
    guard.stop(new FenceError('handler-failed', 'The output could not be taken', { cause }));
    stream.destroy();
  }
}

class StderrTail {
  lines = 0;
  #tail = Buffer.alloc(0);

  take(chunk: Buffer): void {
    for (const byte of chunk) if (byte === 10) this.lines += 1;
    const joined = Buffer.concat([this.#tail, chunk]);
    this.#tail = joined.subarray(Math.max(0, joined.length - stderrTailBytes));
  }

  text(): string {
    return this.#tail.toString('utf8').trim();
  }
}
