/** What an answer of an S3 server, or none, means to the callers of a store. */
import { HoldfastError } from '../../core/errors.ts';

/** The name of the error (`NoSuchKey`, `SlowDown`, `ECONNRESET` …) and the status of the answer, as far as there are any. */
export interface S3Failure {
  readonly name: string;
  readonly status: number | null;
}

const missing = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const full = new Set([
  'QuotaExceeded',
  'XMinioStorageFull',
  'InsufficientStorage',
  'XAmzStorageFull',
  'EntityTooLarge',
]);
/** The server has another opinion of the bytes than we do: they changed on the way. */
const mangled = new Set(['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch']);

/** What people can do about it, by the name of the error. */
const advice: Readonly<Record<string, string>> = {
  AccessDenied:
    'The credentials lack a right on the bucket; docs/s3.md lists those that are needed, and `holdfast doctor` tries each of them.',
  InvalidAccessKeyId: 'The server does not know the access key (AWS_ACCESS_KEY_ID).',
  SignatureDoesNotMatch:
    'The secret key is not the one of this access key (AWS_SECRET_ACCESS_KEY), or a proxy changes requests.',
  CredentialsProviderError: 'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  RequestTimeTooSkewed:
    'The clocks of this machine and of the store differ by more than 15 minutes; set this one right (NTP).',
  NoSuchBucket: 'The bucket does not exist: create it, or correct `blobs`.',
  PermanentRedirect: 'The bucket is in another region: set s3Region.',
  AuthorizationHeaderMalformed: 'The region is wrong: set s3Region to the one of the bucket.',
  ENOTFOUND:
    'The name of the server is not known: correct s3Endpoint, or set s3PathStyle if the bucket is no name of its own.',
  Stalled: 'It sends nothing: look whether it is overloaded, or whether a proxy in between holds answers back.',
  ECONNREFUSED: 'Nothing listens at s3Endpoint.',
  NotImplemented: 'The server does not know this request; docs/s3.md tells of s3Checksums and s3Encryption.',
  InvalidRequest: 'The server refuses this request; docs/s3.md tells of s3Checksums and s3Encryption.',
};

export function failureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { name: String(error), status: null };
  const { Code, code, $metadata } = error as {
    Code?: unknown;
    code?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  const named = [Code, code].find((one) => typeof one === 'string' && one !== '');
  const name =
    error.name === 'Error' || error.name === 'TypeError' || error.name === 'AggregateError' ? null : error.name;
  return { name: String(name ?? named ?? error.name), status: $metadata?.httpStatusCode ?? null };
}

/** Whether the store says that the thing is not there. */
export function isMissing(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return missing.has(name) || (status === 404 && name !== 'NoSuchBucket');
}

/** The answer may be another one next time: overload, a broken connection, an error of the server. */
export function isPassing(error: unknown): boolean {
  const { name, status } = failureOf(error);
  if (error instanceof HoldfastError || name === 'AbortError') return false;
  if (status === null) return name !== 'CredentialsProviderError' && !/Invariant/.test(String(error));
  if (full.has(name) || status === 507) return false;
  return status >= 500 || status === 429 || status === 408 || name === 'SlowDown' || name === 'RequestTimeout';
}

/** The HoldfastError for a failure of `doing` (said to people). HoldfastErrors and broken invariants pass unchanged. */
export function s3Error(doing: string, error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  if (error instanceof Error && error.message.startsWith('Invariant broken')) return error;
  const { name, status } = failureOf(error);
  if (isMissing(error))
    return new HoldfastError('storage-damaged', `The object store has no such object (${name}) while ${doing}`, {
      cause: error,
    });
  if (full.has(name) || status === 507)
    return new HoldfastError('insufficient-storage', `The object store has no room (${name}) while ${doing}`, {
      cause: error,
    });
  if (mangled.has(name))
    return new HoldfastError(
      'unavailable',
      `Bytes changed on their way to the object store (${name}) while ${doing}. Send them again.`,
      {
        cause: error,
      },
    );
  const what = status === null ? name : `${name}, status ${status}`;
  const words = advice[name] ?? 'Try again; if it goes on, `holdfast doctor` tells what is wrong.';
  return new HoldfastError('unavailable', `The object store failed (${what}) while ${doing}. ${words}`, {
    cause: error,
  });
}

/** Runs `work` and turns failures of the store into HoldfastErrors. */
export async function s3Translated<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw s3Error(doing, error);
  }
}
