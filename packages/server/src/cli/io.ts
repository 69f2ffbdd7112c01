/** What a command has of the world around it, passed in so that tests run commands without a process. */
import type { Readable, Writable } from 'node:stream';
import { safeText } from './format-text.ts';

export interface CliIo {
  /** `isTTY`: a person can answer. */
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person looks at standard error: progress bars, colours. */
  readonly isTTY: boolean;
  /** Fires at the first Ctrl-C, SIGTERM or SIGHUP: stop in order. */
  readonly signal: AbortSignal;
}

export const exitCodes = { done: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

export const exitCodesHelp =
  '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reachable, 130 interrupted.\n';

/** Ends a command with its exit code after a line for people. */
export class CommandFailed extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = 'CommandFailed';
    this.exitCode = exitCode;
  }
}

export function printLine(stream: Writable, line: string): void {
  stream.write(`${line}\n`);
}

/** Lines for people. Whatever of them came from a server, a file or its name must not steer the terminal. */
export function printWords(stream: Writable, words: string): void {
  printLine(stream, words.split('\n').map(safeText).join('\n'));
}
