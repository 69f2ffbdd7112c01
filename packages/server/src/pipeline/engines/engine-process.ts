/**
 * A process of our own for native code and long computations: a crash in a model's code ends that process and not the server, and
 * nothing blocks the server's loop. One request at a time, answered in order (`engine-answers.ts` is the other end).
 */
import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import os from 'node:os';
import type { EngineAnswer } from './engine-answers.ts';

const stderrTailChars = 4_000;

export class EngineProcess<Request> implements AsyncDisposable {
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#kill();
  #stderr = '';
  #failure: Error | null = null;
  #waiting: { resolve(value: unknown): void; reject(error: Error): void } | null = null;

  /** `module`: what it runs; `what`: what it is for, in messages. The process is killed when the signal fires. */
  constructor(module: URL, what: string, signal: AbortSignal) {
    this.#what = what;
    this.#signal = signal;
    this.#child = fork(module, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      // Settings of the server (keys, proxies) are none of its business.
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrTailChars);
    });
    this.#child.on('message', (answer) => this.#answer(answer as EngineAnswer));
    this.#exited = new Promise((resolve) => {
      const ended = (why: string) => {
        this.#fail(new Error(`${why}${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`));
        resolve();
      };
      this.#child.once('error', (error) =>
        ended(`the process for ${this.#what} could not be started (${error.message})`),
      );
      // `close` comes when its last words have been read, too.
      this.#child.once('close', (code, name) => ended(`the process for ${this.#what} ended with ${code ?? name}`));
    });
    if (this.#child.pid !== undefined) lowerPriority(this.#child.pid);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#kill();
  }

  /** Rejects with the reason when the process says no or dies. */
  async request<T>(request: Request): Promise<T> {
    if (this.#failure) throw this.#failure;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#child.send(request as Serializable, (error) => {
      if (error) this.#fail(error);
    });
    return (await answered) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#kill();
    await this.#exited;
  }

  #kill(): void {
    this.#child.kill('SIGKILL');
  }

  #answer(answer: EngineAnswer): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(`${answer.error}${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`));
  }

  #fail(error: Error): void {
    this.#failure ??= this.#signal.aborted ? new Error('aborted', { cause: error }) : error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }
}

function lowerPriority(pid: number): void {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It may have ended already; priority is a courtesy, not a promise.
  }
}
