/** What the engine does about an error by itself. Pure. */
import { UploadError } from './upload-error.ts';

/**
 * - wait: the server cannot be used now; every request of the client waits for it, as long as it takes.
 * - again: this request went wrong; repeat it a limited number of times.
 * - ask: the upload is not in the state that we thought; ask for it and go on from there.
 * - fail: a person has to do something.
 */
export type Remedy =
  | { readonly kind: 'wait'; readonly reason: 'unreachable' | 'busy' }
  | { readonly kind: 'again'; readonly attemptsMax: number }
  | { readonly kind: 'ask' }
  | { readonly kind: 'fail' };

const again = (attemptsMax: number): Remedy => ({ kind: 'again', attemptsMax });
const wait = (reason: 'unreachable' | 'busy'): Remedy => ({ kind: 'wait', reason });
const ask: Remedy = { kind: 'ask' };
const fail: Remedy = { kind: 'fail' };

const byCode: Readonly<Record<string, Remedy>> = {
  unreachable: wait('unreachable'),
  'bad-answer': wait('unreachable'),
  stalled: wait('unreachable'),
  'request-timeout': wait('unreachable'),
  'rate-limited': wait('busy'),
  'shutting-down': wait('busy'),
  unavailable: wait('busy'),
  'http-429': wait('busy'),
  'http-502': wait('busy'),
  'http-503': wait('busy'),
  'http-504': wait('busy'),
  // A connection that died unseen holds its chunk until the server's own time-out notices.
  'chunk-busy': again(20),
  'headers-failed': again(8),
  'too-many-uploads': again(8),
  'insufficient-storage': again(5),
  // Bytes were changed on the way; more often than that it is the machine or the file.
  'digest-mismatch': again(3),
  // Not from Holdfast, and our requests are well-formed: a header was damaged, or a proxy is in trouble.
  'http-400': again(3),
  'upload-paused': ask,
  'upload-finishing': ask,
  'upload-closed': ask,
  'missing-chunks': ask,
};

/** Whether the server itself says that it does not have the upload any more. A proxy's 404 must not make us forget one. */
export function isVanished(error: unknown): boolean {
  return error instanceof UploadError && (error.code === 'upload-not-found' || error.code === 'http-410');
}

export function remedyFor(error: UploadError): Remedy {
  const known = byCode[error.code];
  if (known !== undefined) return known;
  if (error.status === 503) return wait('busy');
  // Credentials: they were already fetched anew once.
  if (error.status === 401 || error.status === 403 || error.type === 'validation') return fail;
  return error.retryable && error.status !== 404 && error.status !== 410 ? again(8) : fail;
}
