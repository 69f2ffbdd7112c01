/** Core's error codes in dialects that came from FastAPI services: the one table of statuses, and its `{"detail": …}`. */
import type { ErrorCode, HoldfastError } from '../core/errors.ts';

export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: RefusalBody;
  readonly retryAfterSeconds?: number | undefined;
}

export interface RefusalBody {
  /** Always words, so that a page can show it; where clients know certain words, exactly those. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** What happened and what to do. */
  readonly message: string;
  readonly retryable: boolean;
  readonly request_id: string;
  /** The field that is wrong. */
  readonly field?: string;
  readonly missing_chunks?: readonly number[];
}

/** What a dialect says in its own words. */
export interface Words {
  /** The number of a file's first chunk. */
  readonly firstChunk: 0 | 1;
  /** Null where the message of the error will do. */
  detailOf(error: HoldfastError): string | null;
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
  'creation-refused': { status: 403 },
  'quota-exceeded': { status: 507, wait: 60 },
  'insufficient-storage': { status: 507, wait: 60 },
  'upload-not-found': { status: 404 },
  'asset-not-found': { status: 404 },
  'asset-in-place': { status: 409 },
  'run-not-found': { status: 404 },
  'step-not-found': { status: 404 },
  'class-not-found': { status: 404 },
  'artifact-not-found': { status: 404 },
  'range-not-satisfiable': { status: 416 },
  'token-not-found': { status: 404 },
  'folder-not-found': { status: 404 },
  'webhook-not-found': { status: 404 },
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
  'direct-not-offered': { status: 409 },
  'piece-missing': { status: 409 },
  'piece-mismatch': { status: 409 },
  'lease-lost': { status: 409 },
  unauthenticated: { status: 401 },
  'token-expired': { status: 401 },
  'token-used': { status: 403 },
  'token-scope': { status: 403 },
  forbidden: { status: 403 },
  'rate-limited': { status: 429, wait: 5 },
  'shutting-down': { status: 503, wait: 2 },
  'storage-damaged': { status: 500 },
  unavailable: { status: 503, wait: 2 },
  internal: { status: 500 },
};

/** Chunks that `detail` spells out; `missing_chunks` has all of them. */
const spelledOutMax = 100;

/** How a dialect renders errors. */
export function refusalIn(words: Words): (error: HoldfastError, requestId: string) => Refusal {
  return (error, requestId) => {
    const { status, wait } = refusals[error.code];
    const missing = missingOf(error, words.firstChunk);
    const field = error.details['field'];
    const message = counted(error, words.firstChunk);
    const body: RefusalBody = {
      detail: missing === null ? (words.detailOf(error) ?? message) : missingDetail(missing),
      code: error.code,
      message,
      retryable: error.retryable,
      request_id: requestId,
      ...(typeof field === 'string' ? { field } : {}),
      ...(missing === null ? {} : { missing_chunks: missing }),
    };
    return { status, contentType: 'application/json; charset=utf-8', body, retryAfterSeconds: wait };
  };
}

function missingDetail(missing: readonly number[]): string {
  const more = missing.length > spelledOutMax ? ', …' : '';
  return `Missing chunks: [${missing.slice(0, spelledOutMax).join(', ')}${more}]`;
}

function missingOf(error: HoldfastError, firstChunk: number): number[] | null {
  if (error.code !== 'missing-chunks') return null;
  const list = error.details['missingChunks'];
  if (!Array.isArray(list)) return [];
  return list.filter((one): one is number => typeof one === 'number').map((index) => index + firstChunk);
}

/** The message, with the chunk that it is about as the dialect counts; core counts from 0. */
function counted(error: HoldfastError, firstChunk: number): string {
  const index = error.details['index'];
  if (firstChunk === 0 || typeof index !== 'number') return error.message;
  return error.message.replace(new RegExp(`(?<=\\b[Cc]hunk )${index}\\b`), String(index + firstChunk));
}
