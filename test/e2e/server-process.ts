/** A real `holdfast serve` process: started, killed and started again on the same folder and port. Needs the build (`tsc -b`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../packages/server/src/testing/free-port.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const nodeBinary = join(root, 'node_modules', '.bin', 'node');
export const program = join(root, 'packages', 'server', 'bin', 'holdfast.js');
const startMs = 60_000;

export type LogLine = { readonly msg?: string; readonly address?: string } & Readonly<Record<string, unknown>>;

export interface ServerWish {
  /** A folder to use; it is then kept. Without it one is made, and removed at the end. */
  readonly dataDir?: string;
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  /** More environment; nothing of ours but the PATH is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Restarts use it again. Default: a free one; with 0 the server takes one. */
  readonly port?: number;
  /** Program and arguments that start what comes behind them, in the same process. */
  readonly within?: readonly string[];
  /** Hears each line of the log, from the first one on. */
  readonly heard?: (line: LogLine) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the command line to its end; for refusals to start. */
export async function holdfast(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit & { stderr: string; stdout: string }> {
  const child = spawn(nodeBinary, [program, ...args], { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const exit = await exitOf(child);
  return { ...exit, stdout, stderr };
}

export class ServerProcess {
  readonly dataDir: string;
  /** Everything that was logged, over all restarts. */
  readonly log: LogLine[] = [];
  readonly #wish: ServerWish;
  readonly #removes: boolean;
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #port: number;

  private constructor(wish: ServerWish, dataDir: string, port: number) {
    this.#wish = wish;
    this.dataDir = dataDir;
    this.#removes = wish.dataDir === undefined;
    this.#port = port;
  }

  static async start(wish: ServerWish = {}): Promise<ServerProcess> {
    const dataDir = wish.dataDir ?? (await mkdtemp(join(tmpdir(), 'holdfast-e2e-')));
    const server = new ServerProcess(wish, dataDir, wish.port ?? (await freePort()));
    try {
      await server.run();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    const { pid } = this.#child ?? {};
    if (pid === undefined) throw new Error('The server does not run.');
    return pid;
  }

  /** Resolves when the process ends. */
  get exit(): Promise<Exit> {
    return this.#exit;
  }

  get runs(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process and resolves when it listens. Rejects with what it said when it ends instead. */
  async run(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const args = ['serve', '--port', String(this.#port), '--data', this.dataDir, ...(this.#wish.args ?? [])];
    const [command = nodeBinary, ...rest] = [...(this.#wish.within ?? []), nodeBinary, program, ...args];
    const child = spawn(command, rest, {
      env: environment({ ...this.#wish.env, ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exit = exitOf(child);
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const listening = new Promise<string>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const entry = logLine(line);
        this.log.push(entry);
        this.#wish.heard?.(entry);
        if (entry.address !== undefined) resolve(entry.address);
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`The server did not listen within ${startMs} ms: ${said}`)), startMs);
    });
    const ended = this.#exit.then(({ code, signal }) => {
      throw new Error(`The server ended with ${signal ?? code}: ${said}`);
    });
    try {
      const address = await Promise.race([listening, ended, late]);
      this.#port = Number(new URL(address).port);
    } finally {
      clearTimeout(timer);
      ended.catch(() => {});
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.runs) this.#child?.kill(signal);
    return await this.#exit;
  }

  /** Sends a signal that does not end the process (SIGSTOP, SIGCONT). */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.kill();
    await this.run(env);
  }

  /** Descriptors that the process has open, by what they point at. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  async incoming(): Promise<string[]> {
    return await readdir(join(this.dataDir, 'incoming'));
  }

  async close(): Promise<void> {
    await this.kill();
    if (this.#removes) await rm(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  // The tests start the same code hundreds of times.
  const cache = process.env['NODE_COMPILE_CACHE'];
  const compiled = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], ...compiled, ...more };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
}

function logLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
