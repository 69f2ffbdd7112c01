/** One file from the disk to a verified asset: resumes what an earlier run left, remembers it for a later one. */
import type { CompletedUpload, UploadClient, UploadError, UploadHandle } from '@holdfast/client';
import type { FileSource, JournalKey, UploadJournal } from '@holdfast/client/node';
import type { Display, DisplayedFile, Outcome } from './progress.ts';

export interface FileUpload {
  readonly client: UploadClient;
  readonly source: FileSource;
  readonly file: DisplayedFile;
  readonly display: Display;
  readonly journal: UploadJournal;
  readonly endpoint: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether to go on with what an earlier run left. */
  readonly resume: boolean;
  /** The SHA-256 of the file, when it shall be compared. Called when the upload is under way; `signal` ends it. */
  readonly digest: ((signal: AbortSignal) => Promise<string>) | null;
  readonly signal: AbortSignal;
}

/** What a remembered upload can say to mean: begin anew. */
const forgottenCodes: ReadonlySet<string> = new Set([
  'upload-not-found',
  'upload-closed',
  'resume-mismatch',
  'http-410',
]);
/** How long to wait for the server to hear of a pause before the process ends, in ms. */
const goodbyeMsMax = 1_500;

/** Never rejects; after an interruption the upload is paused and remembered. */
export async function uploadFile(upload: FileUpload): Promise<Outcome> {
  const { source, endpoint, journal, resume } = upload;
  const key: JournalKey = { endpoint, path: source.path, size: source.size, mtimeMs: source.mtimeMs };
  const remembered = resume ? await journal.find(key) : null;
  const outcome = await attempt(upload, key, remembered);
  const forgotten = outcome.kind === 'failed' && forgottenCodes.has(codeOf(outcome.error));
  if (remembered === null || !forgotten) return outcome;
  await journal.forget(key);
  upload.display.say(`  ${source.name}: the server does not have the earlier upload any more; it begins anew.`);
  return attempt(upload, key, null);
}

async function attempt(upload: FileUpload, key: JournalKey, resumeId: string | null): Promise<Outcome> {
  const { client, source, file, display, journal, metadata, signal } = upload;
  const startedAt = Date.now();
  const handle = client.add(source, { metadata, ...(resumeId === null ? {} : { resumeId }) });
  let saved = resumeId;
  let saving: Promise<void> = Promise.resolve();
  const unsubscribe = handle.subscribe(() => {
    const { uploadId } = handle.snapshot;
    if (uploadId !== null && uploadId !== saved) {
      saved = uploadId;
      // Without it only a later run is slower; that is no reason to stop this one.
      saving = journal.remember(key, uploadId).catch(() => {});
    }
    display.changed(file, handle.snapshot);
  });
  const useless = new AbortController();
  const digest = upload.digest?.(AbortSignal.any([signal, useless.signal]));
  // Compared only when the upload got through; a failure before that is not worth a second word.
  digest?.catch(() => {});
  let outcome: Outcome;
  try {
    const completed = await orInterrupted(handle, signal);
    outcome = completed === null ? { kind: 'interrupted' } : await verify({ completed, digest, startedAt, signal });
  } catch (error) {
    outcome = { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
  // The process would live as long as a large file is read.
  useless.abort();
  unsubscribe();
  await saving;
  if (handle.snapshot.state === 'completed') await journal.forget(key);
  // The caller decides whether a refusal to resume is the end.
  if (resumeId === null || outcome.kind !== 'failed' || !forgottenCodes.has(codeOf(outcome.error))) {
    display.ended(file, outcome, handle.snapshot);
  }
  return outcome;
}

/** The end of an upload; null when it was interrupted: it is then paused, and the server knows if it could be told in time. */
async function orInterrupted(handle: UploadHandle, signal: AbortSignal): Promise<CompletedUpload | null> {
  const { promise: interrupted, resolve } = Promise.withResolvers<null>();
  const stop = () => {
    const late = new Promise<void>((done) => setTimeout(done, goodbyeMsMax).unref());
    void Promise.race([handle.pause(), late]).then(() => resolve(null));
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  // Of thousands of files, each would be kept with all that is known of it.
  return await Promise.race([handle.done, interrupted]).finally(() => signal.removeEventListener('abort', stop));
}

interface Verification {
  readonly completed: CompletedUpload;
  readonly digest: Promise<string> | undefined;
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

async function verify({ completed, digest, startedAt, signal }: Verification): Promise<Outcome> {
  const { assetId, sha256 } = completed;
  const seconds = (Date.now() - startedAt) / 1_000;
  let own: string | undefined;
  try {
    own = await digest;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (own === undefined || own === sha256) {
    return { kind: 'completed', assetId, sha256, verified: own !== undefined, seconds };
  }
  const message = `The server stored content with SHA-256 ${sha256}, the file has ${own}: it was changed meanwhile, or bytes were damaged. Upload it again.`;
  return {
    kind: 'failed',
    error: Object.assign(new Error(message), { type: 'validation', code: 'digest-mismatch', retryable: true }),
  };
}

function codeOf(error: UploadError | Error): string {
  return 'code' in error ? String(error.code) : '';
}
