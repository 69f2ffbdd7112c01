/** HTTP answers that are no success → UploadError. Pure. */
import type { Problem } from '@holdfast/protocol';
import { parseRetryAfter } from './backoff.ts';
import type { TransportResponse } from './transport.ts';
import { UploadError, type UploadErrorType } from './upload-error.ts';

/** Codes that say: this file or this request will not do. */
const validationCodes: ReadonlySet<string> = new Set([
  'invalid-request',
  'invalid-size',
  'invalid-chunk-index',
  'invalid-digest',
  'file-too-large',
  'unsupported-type',
  'chunk-conflict',
  'digest-mismatch',
  'body-too-long',
]);
const validationStatuses: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** What a person can do about it, where the server's own words are not there. */
const hints: Readonly<Record<number, string>> = {
  401: 'The credentials are missing or no longer valid.',
  403: 'The credentials do not allow this.',
  404: 'The server knows nothing at this address; check the endpoint.',
  413: 'Something before the server refuses bodies of this size: raise its limit or use a smaller chunk size.',
  502: 'The proxy does not reach the server.',
  503: 'The server is not available now.',
  504: 'The proxy got no answer from the server in time.',
};

function errorType(code: string, status: number): UploadErrorType {
  if (code === 'body-timeout' || status === 408) return 'timeout';
  // The status only where the server's own code is missing: it also uses 400 for a body that was cut off.
  const refused = code.startsWith('http-') ? validationStatuses.has(status) : validationCodes.has(code);
  return refused ? 'validation' : 'server';
}

function parseProblem(response: TransportResponse): Partial<Problem> {
  try {
    const value: unknown = JSON.parse(response.text);
    if (typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string') {
      return value as Partial<Problem>;
    }
  } catch {
    // Not from Holdfast (a proxy's page); the status has to do.
  }
  return {};
}

/** What was asked. */
export interface Asked {
  /** Without a slash at the end; '' where `path` is the whole address, or one of the page's own server. */
  readonly endpoint: string;
  readonly path: string;
}

/** The endpoint to which a redirect leads, if it only hands the path on; the whole address otherwise. Null when it says nowhere. */
function redirectedTo({ status, headers }: TransportResponse, { endpoint, path }: Asked): string | null {
  const location = headers['location'];
  const asked = endpoint + path;
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, asked)) return null;
  const to = new URL(location, asked).href;
  return to.endsWith(path) ? to.slice(0, -path.length) : to;
}

/** The error that an answer with a status of 300 and more stands for. */
export function errorFromResponse(response: TransportResponse, now: number, asked: Asked): UploadError {
  const { status } = response;
  const problem = parseProblem(response);
  const code = problem.code ?? `http-${status}`;
  const to = redirectedTo(response, asked);
  const moved = to === null ? undefined : `This address leads to ${to}. Uploads do not follow: use that address.`;
  const message =
    problem.detail ?? problem.title ?? moved ?? hints[status] ?? `The server answered with status ${status}.`;
  // With other credentials, or from the beginning, the same file can still be uploaded.
  const recoverable = status === 401 || status === 403 || code === 'upload-not-found' || code === 'upload-closed';
  return new UploadError(message, {
    type: errorType(code, status),
    code,
    status,
    retryable: recoverable || (problem.retryable ?? (status >= 500 || status === 408 || status === 429)),
    retryAfterMs: parseRetryAfter(response.headers['retry-after'], now),
    details: problem.details,
  });
}
