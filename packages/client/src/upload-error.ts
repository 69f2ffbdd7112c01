/** The one error class of the engine. `code` is stable: the server's code where the server spoke, one of ours otherwise. */

/**
 * - validation: the file or the request is not acceptable as it is; somebody has to change something.
 * - network: no answer came, or none that a Holdfast server gives.
 * - server: the server answered that it cannot or will not.
 * - timeout: nothing moved for too long.
 */
export type UploadErrorType = 'validation' | 'network' | 'server' | 'timeout';

/** Codes that the engine makes itself; every other code is the server's (docs/errors.md) or `http-<status>` of something in between. */
export type ClientErrorCode =
  | 'unreachable'
  | 'stalled'
  | 'request-timeout'
  | 'bad-answer'
  | 'headers-failed'
  | 'source-unreadable'
  | 'source-changed'
  | 'resume-mismatch'
  | 'cancelled'
  | 'unexpected';

export interface UploadErrorOptions {
  readonly type: UploadErrorType;
  readonly code: ClientErrorCode | (string & {});
  /** Index of the chunk it happened to. */
  readonly chunk?: number | undefined;
  /** Whether `retry()` can succeed with the same file. */
  readonly retryable: boolean;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** How long the server asks us to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Facts that the server sent along. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

export class UploadError extends Error {
  readonly type: UploadErrorType;
  readonly code: string;
  readonly chunk: number | undefined;
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: UploadErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UploadError';
    this.type = options.type;
    this.code = options.code;
    this.chunk = options.chunk;
    this.retryable = options.retryable;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? {};
  }
}

/** The same error, with the chunk that it happened to. */
export function withChunk(error: UploadError, chunk: number): UploadError {
  const { type, code, retryable, status, retryAfterMs, details, cause, message } = error;
  return new UploadError(message, { type, code, retryable, status, retryAfterMs, details, cause, chunk });
}
