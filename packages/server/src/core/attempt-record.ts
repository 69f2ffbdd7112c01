/** The history of attempts: what each of them did, why it ended, and what is left of it to look at. */
import type { Millis } from './upload.ts';

/**
 * What kind of failure it was:
 * - `permanent`: the input is at fault; trying again gives the same.
 * - `transient`: anything else that the step or its tools reported.
 * - `timeout`: it took longer than it may.
 * - `stalled`: it was alive and got nowhere.
 * - `lost`: its node fell silent, and the lease ended.
 * - `crash`: its node ended while it ran, which the step may have caused.
 * - `cancelled`: somebody asked for that.
 */
export const errorClasses = ['permanent', 'transient', 'timeout', 'stalled', 'lost', 'crash', 'cancelled'] as const;
export type ErrorClass = (typeof errorClasses)[number];

export function isErrorClass(text: string): text is ErrorClass {
  return (errorClasses as readonly string[]).includes(text);
}

/**
 * running → succeeded | skipped | failed (the step may be tried again) | cancelled | released (given back by a node that stopped in order).
 */
export type AttemptState = 'running' | 'succeeded' | 'skipped' | 'failed' | 'cancelled' | 'released';

/** What a failure leaves behind for people to look at. */
export interface Evidence {
  readonly errorClass: ErrorClass;
  /** Of the tool that failed; null when none did, or when a signal ended it. */
  readonly exitCode: number | null;
  /** The end of what the tool wrote to standard error, made safe; null when there is none. */
  readonly stderr: string | null;
}

export interface AttemptRecord {
  readonly stepKey: string;
  /** 1, 2, 3 … over the whole life of the step: the fence of its claim. */
  readonly number: number;
  /** Number among the attempts since the step was last put back by hand. */
  readonly attempt: number;
  readonly node: string;
  readonly state: AttemptState;
  /** When it could have started. */
  readonly dueAt: Millis;
  readonly startedAt: Millis;
  readonly endedAt: Millis | null;
  readonly reason: string | null;
  readonly errorClass: ErrorClass | null;
  readonly exitCode: number | null;
  readonly stderr: string | null;
  /** The last lines that the step logged, oldest first. */
  readonly log: string;
}

export const stderrCharsMax = 8_192;
export const logCharsMax = 16_384;
/** Older attempts of a step are forgotten. */
export const attemptsKeptMax = 50;

/** Text from a foreign program that people and databases can take: no control characters but line ends and tabs, no directional overrides. */
export function safeText(text: string): string {
  return (
    text
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '�')
      .toWellFormed()
      .trim()
  );
}

/** The end of such a text, because that is where programs say what went wrong. */
export function safeTail(text: string, charsMax: number): string {
  const safe = safeText(text);
  return safe.length <= charsMax ? safe : safe.slice(-charsMax).toWellFormed();
}
