/** What the queue does about an upload that the engine gave up. Pure. */
import type { UploadError } from '../upload-error.ts';
import type { QueueError } from './queue-item.ts';
import type { UploadRow } from './queue-row.ts';

/**
 * - reselect: the bytes cannot be had any more; a person has to select the file again.
 * - again: begin again after a pause; `anew` when the server has nothing left to go on from.
 * - cancelled: somebody ended it on the server.
 * - fail: a person has to do something else.
 */
export type AfterFailure =
  | { readonly kind: 'reselect' }
  | { readonly kind: 'again'; readonly anew: boolean }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'fail'; readonly anew: boolean };

const contentErrors: ReadonlySet<string> = new Set(['source-unreadable', 'source-changed', 'resume-mismatch']);
/** The server's upload is over without content. */
const endedErrors: ReadonlySet<string> = new Set(['upload-not-found', 'upload-closed', 'http-410']);

export function afterFailure(
  error: UploadError,
  row: Pick<UploadRow, 'file' | 'retries' | 'maxRetries'>,
): AfterFailure {
  if (contentErrors.has(error.code)) return row.file === null ? { kind: 'fail', anew: false } : { kind: 'reselect' };
  if (error.code === 'upload-closed' && error.details['state'] === 'cancelled') return { kind: 'cancelled' };
  // A digest of the whole that does not match, too: a chunk's has its index.
  const anew = endedErrors.has(error.code) || (error.code === 'digest-mismatch' && error.chunk === undefined);
  return { kind: error.retryable && row.retries < row.maxRetries ? 'again' : 'fail', anew };
}

const credentialErrors: ReadonlySet<string> = new Set([
  'unauthenticated',
  'token-expired',
  'http-401',
  'headers-failed',
]);

/** Whether it failed because there were no credentials, or these had ended: with others it goes on. */
export function lacksCredentials(error: QueueError | null): boolean {
  return credentialErrors.has(error?.code ?? '');
}
