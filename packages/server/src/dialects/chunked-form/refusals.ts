/** Core's error codes on the chunked-form API: the one table of statuses, and FastAPI's `{"detail": …}`. */
import type { ErrorCode, HoldfastError } from '../../core/errors.ts';

export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: RefusalBody;
  readonly retryAfterSeconds?: number | undefined;
}

export interface RefusalBody {
  /** Always words, so that a page can show it; for a lost session, a wrong index and missing chunks exactly the words that clients know. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** What happened and what to do. */
  readonly message: string;
  readonly retryable: boolean;
  readonly request_id: string;
  readonly missing_chunks?: readonly number[];
}

interface Row {
  readonly status: number;
  /** Seconds after which trying again makes sense, where waiting helps. */
  readonly wait?: number;
}

export const refusals: Readonly<Record<ErrorCode, Row>> = {
  'invalid-request': { status: 400 },
  'invalid-size': { status: 400 },
  'invalid-chunk-index': { status: 400 },
  'invalid-digest': { status: 400 },
  'file-too-large': { status: 413 },
  'unsupported-type': { status: 415 },
  'unsupported-version': { status: 412 },
  'too-many-uploads': { status: 429, wait: 30 },
  'insufficient-storage': { status: 507, wait: 60 },
  'upload-not-found': { status: 404 },
  'asset-not-found': { status: 404 },
  'run-not-found': { status: 404 },
  'artifact-not-found': { status: 404 },
  'route-not-found': { status: 404 },
  'upload-paused': { status: 409 },
  'upload-closed': { status: 410 },
  'upload-finishing': { status: 409, wait: 1 },
  'missing-chunks': { status: 400 },
  'chunk-conflict': { status: 409 },
  'offset-mismatch': { status: 409 },
  'length-conflict': { status: 409 },
  'wrong-protocol': { status: 409 },
  'upload-is-concatenation': { status: 403 },
  'invalid-concatenation': { status: 400 },
  'upload-in-use': { status: 409, wait: 5 },
  'upload-busy': { status: 423, wait: 1 },
  'upload-taken-over': { status: 409 },
  'chunk-busy': { status: 409, wait: 1 },
  'digest-mismatch': { status: 422 },
  'body-too-short': { status: 400 },
  'body-too-long': { status: 413 },
  'body-timeout': { status: 408 },
  'lease-lost': { status: 409 },
  unauthenticated: { status: 401 },
  forbidden: { status: 403 },
  'rate-limited': { status: 429, wait: 5 },
  'shutting-down': { status: 503, wait: 2 },
  'storage-damaged': { status: 500 },
  unavailable: { status: 503, wait: 2 },
  internal: { status: 500 },
};

/** Indexes that `detail` spells out; `missing_chunks` has all of them. */
const spelledOutMax = 100;

export function refusalOf(error: HoldfastError, requestId: string): Refusal {
  const { status, wait } = refusals[error.code];
  const missing = missingOf(error);
  const body: RefusalBody = {
    detail: detailOf(error, missing),
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    request_id: requestId,
    ...(missing === null ? {} : { missing_chunks: missing }),
  };
  return { status, contentType: 'application/json; charset=utf-8', body, retryAfterSeconds: wait };
}

function detailOf(error: HoldfastError, missing: readonly number[] | null): string {
  if (missing !== null) {
    const more = missing.length > spelledOutMax ? ', …' : '';
    return `Missing chunks: [${missing.slice(0, spelledOutMax).join(', ')}${more}]`;
  }
  if (error.code === 'upload-not-found') return 'Upload session not found';
  if (error.code === 'invalid-chunk-index') return 'Invalid chunk index';
  return error.message;
}

function missingOf(error: HoldfastError): number[] | null {
  if (error.code !== 'missing-chunks') return null;
  const list = error.details['missingChunks'];
  return Array.isArray(list) ? list.filter((one): one is number => typeof one === 'number') : [];
}
