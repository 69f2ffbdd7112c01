/** Core's error codes on tus: the one table of statuses. tus 1.0 says nothing of bodies of errors; ours are problem details (RFC 9457). */
import { type ErrorCode, errorCatalog, type HoldfastError } from '../../core/errors.ts';

export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number | undefined;
}

interface Row {
  readonly status: number;
  /** Seconds after which trying again makes sense, where waiting helps. */
  readonly wait?: number;
}

/** Clients try again after 409 (they ask for the offset first), 423, 429 and 5xx, and give up after any other 4xx. */
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
  'upload-paused': { status: 423, wait: 5 },
  'upload-closed': { status: 410 },
  'upload-finishing': { status: 409, wait: 1 },
  'missing-chunks': { status: 409 },
  'offset-mismatch': { status: 409 },
  'length-conflict': { status: 400 },
  'wrong-protocol': { status: 404 },
  'upload-is-concatenation': { status: 403 },
  'invalid-concatenation': { status: 400 },
  'upload-in-use': { status: 423, wait: 5 },
  'upload-busy': { status: 423, wait: 1 },
  'upload-taken-over': { status: 423 },
  'chunk-conflict': { status: 409 },
  'chunk-busy': { status: 423, wait: 1 },
  'digest-mismatch': { status: 460 },
  'body-too-short': { status: 400 },
  'body-too-long': { status: 413 },
  'body-timeout': { status: 408 },
  'direct-not-offered': { status: 409 },
  'piece-missing': { status: 409 },
  'piece-mismatch': { status: 409 },
  'lease-lost': { status: 423 },
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

export function refusalOf(error: HoldfastError, requestId: string): Refusal {
  const { status, wait } = refusals[error.code];
  const { summary, retryable } = errorCatalog[error.code];
  const details = Object.keys(error.details).length > 0 ? { details: error.details } : {};
  const type = `urn:holdfast:error:${error.code}`;
  const body = {
    type,
    title: summary,
    status,
    detail: error.message,
    code: error.code,
    retryable,
    requestId,
    ...details,
  };
  return { status, contentType: 'application/problem+json', body, retryAfterSeconds: wait };
}
