/** Why a recording was left as it is. Leaving it is never an error: the original can always be uploaded. */

export type SkipReason =
  /** No bytes, or no sound in them. */
  | 'empty'
  /** No known container, or none that has a sound track. */
  | 'not-audio'
  /** The browser has no decoder for it, or what is in the file breaks it. */
  | 'cannot-decode'
  /** Part of what the file announces is missing; compressing what is left would hide that. */
  | 'damaged'
  /** The file cannot be read any more: changed, moved, or permission withdrawn. */
  | 'unreadable'
  /** The browser cannot encode Opus (Safari before 26, Firefox for Android, pages without HTTPS). */
  | 'cannot-encode'
  /** The result would be as large as the original, or larger. */
  | 'not-smaller'
  /** `autoCompress`: it is within the target already. */
  | 'already-fits'
  /** `autoCompress`: not even 16 kbit/s, the least that recognisers understand, would reach the target. */
  | 'target-too-small'
  /** More than 24 hours. */
  | 'too-long'
  /** The worker did not start or stopped. */
  | 'worker-failed';

export interface Skipped {
  readonly reason: SkipReason;
  /** What it is and what can be done about it, for people. */
  readonly message: string;
}

export function skipped(reason: SkipReason, message: string): Skipped {
  return { reason, message };
}

/** Carries a reason through code that cannot go on. */
export class SkipError extends Error {
  readonly skipped: Skipped;

  constructor(reason: SkipReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SkipError';
    this.skipped = skipped(reason, message);
  }
}
