/** What PostgreSQL and its driver report, as the family of errors that the rest of Holdfast knows. */
import { HoldfastError } from '../../core/errors.ts';
import { unstorable } from './storable.ts';

/** SQLSTATE of an error of the server, or the code of a socket error. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** The connection was lost while a commit was under way: it may have come about or not, so the work is not done again. */
export class LostCommit extends Error {
  constructor(cause: unknown) {
    super('The connection was lost during a commit.', { cause });
    this.name = 'LostCommit';
  }
}

/** Done again as a serialization failure is. */
export class OutOfTurn extends Error {
  readonly code = '40001';

  constructor() {
    super('Another transaction with a higher number appended to the same log before.');
    this.name = 'OutOfTurn';
  }
}

/** Two transactions got in each other's way; doing the work again will do. */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

const lostConnection =
  /^Connection terminated|^Client has encountered a connection error|timeout exceeded when trying to connect|^Client was closed|^Query read timeout|^timeout expired/;

/** Whether the connection cannot be used any more. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (
    code !== null &&
    (/^(08...|57P0.)$/.test(code) ||
      /^(ECONN|EPIPE|ENOTFOUND|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_)/.test(code))
  )
    return true;
  return error instanceof Error && lostConnection.test(error.message);
}

// Statement cancelled (time-out), lock not available, too many connections, read-only (a standby), deadlock and serialization after retries.
const outages = new Set(['57014', '55P03', '53300', '53200', '25006', '25P03', '40001', '40P01']);

export function awayError(cause?: unknown): HoldfastError {
  return new HoldfastError('unavailable', 'The database does not answer.', { cause });
}

export function translatePostgresError(error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  if (error instanceof LostCommit) return awayError(error.cause);
  const options = { cause: error };
  const code = codeOf(error);
  if (code === '53100') return new HoldfastError('insufficient-storage', 'No room left for the database.', options);
  if (code === 'XX001' || code === 'XX002')
    return new HoldfastError('storage-damaged', 'The database reports damaged data.', options);
  // PostgreSQL's text cannot hold a zero character; the other text that comes in is free.
  if (code === '22021') return unstorable(options);
  if (isConnectionLoss(error) || (code !== null && outages.has(code))) {
    return awayError(error);
  }
  return error;
}
