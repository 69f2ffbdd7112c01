/** Core's error codes on the native API: the one table of statuses, and problem details (RFC 9457). */
import type { Problem } from '@holdfast/protocol';
import { type ErrorCode, errorCatalog, type HoldfastError } from '../../core/errors.ts';

export const statusOf: Readonly<Record<ErrorCode, number>> = {
  'invalid-request': 400,
  'invalid-size': 400,
  'invalid-chunk-index': 400,
  'invalid-digest': 400,
  'file-too-large': 413,
  'unsupported-type': 415,
  'unsupported-version': 412,
  'too-many-uploads': 429,
  'creation-refused': 403,
  'quota-exceeded': 507,
  'insufficient-storage': 507,
  'upload-not-found': 404,
  'asset-not-found': 404,
  'asset-in-place': 409,
  'run-not-found': 404,
  'step-not-found': 404,
  'class-not-found': 404,
  'artifact-not-found': 404,
  'folder-not-found': 404,
  'webhook-not-found': 404,
  'range-not-satisfiable': 416,
  'token-not-found': 404,
  'route-not-found': 404,
  'upload-paused': 409,
  'upload-closed': 410,
  'upload-finishing': 409,
  'missing-chunks': 409,
  'chunk-conflict': 409,
  'offset-mismatch': 409,
  'length-conflict': 409,
  'wrong-protocol': 409,
  'upload-is-concatenation': 403,
  'invalid-concatenation': 400,
  'upload-in-use': 409,
  'upload-busy': 423,
  'upload-taken-over': 409,
  'chunk-busy': 409,
  'digest-mismatch': 422,
  'body-too-short': 400,
  'body-too-long': 413,
  'body-timeout': 408,
  'direct-not-offered': 409,
  'piece-missing': 409,
  'piece-mismatch': 409,
  'lease-lost': 409,
  unauthenticated: 401,
  'token-expired': 401,
  'token-used': 403,
  'token-scope': 403,
  forbidden: 403,
  'rate-limited': 429,
  'shutting-down': 503,
  'storage-damaged': 500,
  unavailable: 503,
  internal: 500,
};

/** Seconds after which trying again makes sense, for codes where waiting helps. */
export const retryAfterSeconds: Partial<Readonly<Record<ErrorCode, number>>> = {
  'chunk-busy': 1,
  'upload-busy': 1,
  'upload-in-use': 5,
  'upload-finishing': 1,
  'rate-limited': 5,
  'too-many-uploads': 30,
  'shutting-down': 2,
  unavailable: 2,
  'quota-exceeded': 60,
  'insufficient-storage': 60,
};

/** The code of a body field that is not as its schema says; other fields are `invalid-request`. */
export const codeOfField: Readonly<Partial<Record<string, ErrorCode>>> = {
  size: 'invalid-size',
  chunkSize: 'invalid-size',
  sha256: 'invalid-digest',
};

export function problemOf(error: HoldfastError, requestId: string): Problem {
  const { summary, retryable } = errorCatalog[error.code];
  const details = Object.keys(error.details).length > 0 ? { details: { ...error.details } } : {};
  return {
    type: `urn:holdfast:error:${error.code}`,
    title: summary,
    status: statusOf[error.code],
    detail: error.message,
    code: error.code,
    retryable,
    requestId,
    ...details,
  };
}
