/**
 * One stretch of work on an upload, from "what does the server have" to "completed". Stopped by its signal and started again at
 * any time: all that it needs to go on is the server's id. Turns: ask (or create) → send what is missing → finish; whenever
 * the server's state is not what we thought, the next turn begins.
 */
import type { CreateUpload, Upload } from '@holdfast/protocol';
import { abortable } from './abortable.ts';
import { backoffMs } from './backoff.ts';
import type { ConnectionPace } from './chunk-size.ts';
import type { ConnectionSlots } from './connection-slots.ts';
import { type DirectRoute, DirectSender } from './direct-sender.ts';
import { type Insistence, insist } from './insist.ts';
import { digestToOffer } from './offered-digest.ts';
import { isVanished, remedyFor } from './remedy.ts';
import { checkSameFile, probeContent } from './same-content.ts';
import { sendMissing } from './send-missing.ts';
import { sleep } from './sleep.ts';
import type { CompletedUpload } from './snapshot.ts';
import type { UploadApi } from './upload-api.ts';
import type { OfferDigest, StoredChunk } from './upload-client.ts';
import { UploadError } from './upload-error.ts';
import type { UploadSource } from './upload-source.ts';

export interface Session extends Insistence {
  readonly api: UploadApi;
  readonly source: UploadSource;
  readonly pace: ConnectionPace;
  readonly route: DirectRoute;
  readonly parallel: number;
  readonly digests: boolean;
  /** For the long requests that wait for the end; chunks of other uploads shall not wait behind them. */
  readonly finishSlots: ConnectionSlots;
  readonly wish: () => CreateUpload;
  readonly target: 'upload' | 'recording';
  /** Whether the source is known to be what the upload to resume was begun with. */
  readonly trusted: boolean;
  readonly offerDigest: OfferDigest;
  readonly onChunkStored: ((chunk: StoredChunk) => void) | undefined;
}

/** Turns in a row in which not one byte was acknowledged, before we give up. */
const fruitlessTurnsMax = 8;
/** Between two looks at an upload that somebody else paused, in ms. */
const pausedPollMs = 5_000;
/** An answer "still finishing" that comes sooner than it was asked to is not asked for again at once. */
const finishPollMsMin = 1_000;

/**
 * An upload that is paused on the server is resumed if it is so at the beginning; a later pause is somebody else's.
 *
 * @param latePause a pause of our own was given up before it was answered, and may still arrive: it is taken back, too.
 * @throws UploadError; the signal's reason.
 */
export async function runSession(session: Session, latePause: boolean): Promise<CompletedUpload> {
  const { record } = session;
  let acknowledged = -1;
  let mayResume = true;
  for (let fruitless = 0; ; ) {
    const { upload, resumed } = await synchronise(session, mayResume);
    mayResume = mayResume && latePause && !resumed;
    if (upload.state === 'paused') {
      await waitWhilePaused(session);
      continue;
    }
    const ledger = record.adopt(upload);
    fruitless = upload.receivedBytes > acknowledged ? 0 : fruitless + 1;
    acknowledged = upload.receivedBytes;
    if (fruitless > 0) await pauseBetweenTurns(session, fruitless);
    if (upload.state === 'receiving' && ledger.toSendCount > 0) {
      record.moveTo({ name: 'sending' });
      const direct = upload.direct === true ? new DirectSender(session.route, ledger.totalChunks) : null;
      const outcome = await sendMissing(session, ledger, direct);
      if (outcome === 'ask' || ledger.truncated) {
        record.moveTo({ name: 'preparing' });
        continue;
      }
    }
    const ended = isFinal(upload) ? upload : await finish(session);
    if (ended !== null) return conclude(session, ended);
    record.moveTo({ name: 'preparing' });
  }
}

function isFinal(upload: Upload): boolean {
  return ['completed', 'cancelled', 'expired', 'failed'].includes(upload.state);
}

interface Synchronised {
  readonly upload: Upload;
  /** It was paused, and is no more. */
  readonly resumed: boolean;
}

/** What the server has; creates the upload if there is none. */
async function synchronise(session: Session, mayResume: boolean): Promise<Synchronised> {
  const { api, record, source, digests, trusted, wish, signal } = session;
  try {
    return await insist(session, async () => {
      const { uploadId } = record;
      if (uploadId === null) return { upload: await create(session), resumed: false };
      const upload = await api.status(uploadId, signal);
      checkSameFile(source, upload, wish().sha256);
      if (digests && !trusted && !record.known && !isFinal(upload)) await probeContent({ api, source, upload, signal });
      const resumed = mayResume && upload.state === 'paused';
      return { upload: resumed ? await api.resume(uploadId, signal) : upload, resumed };
    });
  } catch (error) {
    record.gone = isVanished(error);
    throw error;
  }
}

async function create(session: Session): Promise<Upload> {
  const { record, source, offerDigest, signal } = session;
  const wish = session.wish();
  const sha256 = wish.sha256 ?? (await digestToOffer({ api: session.api, source, offerDigest, signal }));
  signal.throwIfAborted();
  // The wish is kept in another session's hands if one is at it already.
  const own = record.creating === null;
  record.creating ??= begin(session, sha256 === null ? wish : { ...wish, sha256 }).finally(() => {
    record.creating = null;
  });
  try {
    return await abortable(record.creating, signal);
  } catch (error) {
    if (own || signal.aborted || error instanceof UploadError) throw error;
    // It ended with its session, and nothing was created.
    return create(session);
  }
}

/** Stops with its session until it is sent. */
async function begin({ api, record, target, signal }: Session, wish: CreateUpload): Promise<Upload> {
  const ends = { signal: new AbortController().signal, unsent: signal };
  if (target === 'upload') {
    const upload = await api.create(wish, ends);
    record.created(upload.id);
    return upload;
  }
  const uploadId = await api.createRecording(wish, ends);
  record.created(uploadId);
  return api.status(uploadId, ends.signal);
}

async function waitWhilePaused(session: Session): Promise<void> {
  const { record, runtime, signal } = session;
  record.moveTo({ name: 'paused', by: 'server' });
  for (;;) {
    await sleep(runtime, pausedPollMs, signal);
    const { upload } = await synchronise(session, false);
    if (upload.state !== 'paused') break;
  }
  record.moveTo({ name: 'preparing' });
}

async function pauseBetweenTurns({ runtime, signal }: Session, fruitless: number): Promise<void> {
  if (fruitless > fruitlessTurnsMax) {
    throw new UploadError('The server asks for chunks but does not acknowledge them.', {
      type: 'server',
      code: 'bad-answer',
      retryable: true,
    });
  }
  await sleep(runtime, backoffMs({ failures: fruitless, retryAfterMs: undefined, random: runtime.random() }), signal);
}

/** Waits for the end. Null when the server found that something is missing after all, or does not finish for another reason. */
async function finish(session: Session): Promise<Upload | null> {
  const { api, record, runtime, signal } = session;
  record.moveTo({ name: 'finishing' });
  const { uploadId } = record;
  if (uploadId === null) return null;
  for (;;) {
    const askedAt = runtime.now();
    try {
      // Order 0: among those that wait for their end, everyone in turn.
      const turn: Insistence = { ...session, slots: session.finishSlots, order: 0 };
      const upload = await insist(turn, () => api.complete(uploadId, signal));
      if (isFinal(upload)) return upload;
      if (upload.state === 'receiving' || upload.state === 'paused') return null;
      // An older server does not tell.
      record.checked(upload.hashedBytes ?? null);
    } catch (error) {
      if (error instanceof UploadError && remedyFor(error).kind === 'ask') return null;
      throw error;
    }
    // Clocks can be set back.
    const passed = Math.max(0, runtime.now() - askedAt);
    await sleep(runtime, Math.max(0, finishPollMsMin - passed), signal);
  }
}

function conclude({ record, wish }: Session, upload: Upload): CompletedUpload {
  const { id, state, assetId, sha256, failure } = upload;
  if (state === 'completed' && assetId !== null && sha256 !== null) {
    const expected = wish().sha256?.toLowerCase();
    if (expected === undefined || expected === sha256) return { uploadId: id, assetId, sha256 };
  }
  record.gone = true;
  const mismatch = state === 'completed' || failure?.code === 'digest-mismatch';
  throw new UploadError(failure?.reason ?? (mismatch ? 'The server has other content.' : `The upload is ${state}.`), {
    type: mismatch ? 'validation' : 'server',
    code: failure?.code ?? (mismatch ? 'digest-mismatch' : 'upload-closed'),
    retryable: true,
    details: { state },
  });
}
