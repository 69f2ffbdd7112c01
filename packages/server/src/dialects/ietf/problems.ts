/** Core's error codes on the draft's resources: the one table of statuses and problem types (RFC 9457, draft "Problem Types"). */
import { type ErrorCode, errorCatalog, type HoldfastError } from '../../core/errors.ts';

export interface Refusal {
  readonly status: number;
  readonly contentType: string;
  readonly body: object;
  readonly retryAfterSeconds?: number | undefined;
}

interface Row {
  readonly status: number;
  /** Fragment of a problem type that is registered with IANA; others are `urn:holdfast:error:<code>`. */
  readonly type?: 'mismatching-upload-offset' | 'inconsistent-upload-length' | 'completed-upload';
  /** Seconds after which trying again makes sense. Clients of the draft resume by themselves after a 5xx only. */
  readonly wait?: number;
}

/** `completed-upload` is the draft's own word for an upload that takes nothing more because it is whole. */
export type ProblemCode = ErrorCode | 'completed-upload';

export const refusals: Readonly<Record<ProblemCode, Row>> = {
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
  'upload-paused': { status: 503, wait: 30 },
  'upload-closed': { status: 410 },
  'completed-upload': { status: 409, type: 'completed-upload' },
  'upload-finishing': { status: 409, type: 'completed-upload' },
  'missing-chunks': { status: 409 },
  'chunk-conflict': { status: 409 },
  'offset-mismatch': { status: 409, type: 'mismatching-upload-offset' },
  'length-conflict': { status: 400, type: 'inconsistent-upload-length' },
  'wrong-protocol': { status: 409 },
  'upload-is-concatenation': { status: 403 },
  'invalid-concatenation': { status: 400 },
  'upload-in-use': { status: 409, wait: 5 },
  'upload-busy': { status: 423, wait: 1 },
  'upload-taken-over': { status: 409 },
  'chunk-busy': { status: 409, wait: 1 },
  'digest-mismatch': { status: 422 },
  'body-too-short': { status: 400 },
  'body-too-long': { status: 400, type: 'inconsistent-upload-length' },
  'body-timeout': { status: 408 },
  'direct-not-offered': { status: 409 },
  'piece-missing': { status: 409 },
  'piece-mismatch': { status: 409 },
  'lease-lost': { status: 503, wait: 1 },
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

const registry = 'https://iana.org/assignments/http-problem-types#';

const titles: Readonly<Record<NonNullable<Row['type']>, string>> = {
  'mismatching-upload-offset': 'Mismatching Upload Offset',
  'inconsistent-upload-length': 'Inconsistent Upload Length Values',
  'completed-upload': 'Upload Is Completed',
};

export function refusalOf(error: HoldfastError, requestId: string): Refusal {
  const { status, type, wait } = refusals[problemCodeOf(error)];
  const body = {
    type: type === undefined ? `urn:holdfast:error:${error.code}` : registry + type,
    title: type === undefined ? errorCatalog[error.code].summary : titles[type],
    status,
    detail: error.message,
    ...offsetsOf(error),
    code: error.code,
    retryable: error.retryable,
    requestId,
    ...(Object.keys(error.details).length > 0 ? { details: { ...error.details } } : {}),
  };
  return { status, contentType: 'application/problem+json', body, retryAfterSeconds: wait };
}

export function problemCodeOf(error: HoldfastError): ProblemCode {
  return error.code === 'upload-closed' && error.details['state'] === 'completed' ? 'completed-upload' : error.code;
}

/** The extension members of the type (draft, "Mismatching Offset"). */
function offsetsOf({ code, details }: HoldfastError): object {
  if (code !== 'offset-mismatch') return {};
  return { 'expected-offset': details['offset'], 'provided-offset': details['given'] };
}
