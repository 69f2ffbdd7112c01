/** What can go wrong with a microphone, told plainly. Errors of the storage come from the queue as they are. */
import { UploadError } from '../upload-error.ts';

/**
 * - permission-denied: the person or the browser's settings said no.
 * - no-microphone: there is none, or not the one that was chosen.
 * - microphone-busy: another program has it, or the system refuses it.
 * - microphone-lost: it was unplugged, or the permission was withdrawn, while it recorded. What was recorded is kept.
 * - insecure-page: browsers give microphones to pages on HTTPS and localhost only.
 * - recording-unsupported: this browser cannot record any format that we know.
 */
export type RecorderErrorCode =
  | 'permission-denied'
  | 'no-microphone'
  | 'microphone-busy'
  | 'microphone-lost'
  | 'insecure-page'
  | 'recording-unsupported';

const messages: Readonly<Record<RecorderErrorCode, string>> = {
  'permission-denied': 'The microphone may not be used. Allow it in the site settings of the browser, then try again.',
  'no-microphone': 'There is no such microphone. Plug one in or choose another, then try again.',
  'microphone-busy': 'The microphone cannot be used now: another program may have it. Close that, then try again.',
  'microphone-lost': 'The microphone was unplugged or taken away. What was recorded until then is kept.',
  'insecure-page': 'Browsers record on pages with HTTPS only.',
  'recording-unsupported': 'This browser cannot record audio.',
};

export function recorderError(code: RecorderErrorCode, cause?: unknown): UploadError {
  const retryable = code !== 'insecure-page' && code !== 'recording-unsupported';
  return new UploadError(messages[code], { type: 'validation', code, retryable, cause });
}

/** Names of the errors of `getUserMedia` (Media Capture and Streams, 10.2). */
const codes: Readonly<Record<string, RecorderErrorCode>> = {
  NotAllowedError: 'permission-denied',
  SecurityError: 'permission-denied',
  NotFoundError: 'no-microphone',
  OverconstrainedError: 'no-microphone',
  NotReadableError: 'microphone-busy',
  AbortError: 'microphone-busy',
  NotSupportedError: 'recording-unsupported',
};

export function asRecorderError(cause: unknown): UploadError {
  if (cause instanceof UploadError) return cause;
  const code = cause instanceof Error ? codes[cause.name] : undefined;
  if (code !== undefined) return recorderError(code, cause);
  const message = cause instanceof Error ? cause.message : 'Recording failed.';
  return new UploadError(message, { type: 'validation', code: 'unexpected', retryable: true, cause });
}
