/** Sends all chunks that the ledger lists, several at once, until each has its receipt. */
import type { ChunkLedger, ChunkSpan } from './chunk-ledger.ts';
import { sendChunk } from './chunk-sender.ts';
import type { DirectSender } from './direct-sender.ts';
import { insist } from './insist.ts';
import { isVanished, remedyFor } from './remedy.ts';
import { UploadError, withChunk } from './upload-error.ts';
import type { Session } from './upload-session.ts';

const patienceMax = 4;

/**
 * `sent`: every chunk was acknowledged. `ask`: the upload is not in the state that we thought.
 * @throws UploadError with the chunk it happened to; the signal's reason.
 */
export async function sendMissing(
  session: Session,
  ledger: ChunkLedger,
  direct: DirectSender | null = null,
): Promise<'sent' | 'ask'> {
  const { record, parallel } = session;
  const { uploadId } = record;
  if (uploadId === null) return 'ask';
  // One lane that fails for good stops the others.
  const lanes = new AbortController();
  const stop = () => lanes.abort(session.signal.reason);
  session.signal.addEventListener('abort', stop, { once: true });
  const inLanes: Session = { ...session, signal: lanes.signal };
  const lane = async () => {
    for (let span = ledger.take(); span !== null; span = ledger.take()) {
      await sendSpan({ session: inLanes, ledger, uploadId, span, direct });
    }
  };
  const running = Array.from({ length: Math.min(parallel, ledger.toSendCount) }, lane);
  try {
    session.signal.throwIfAborted();
    await Promise.all(running);
    return 'sent';
  } catch (error) {
    lanes.abort(error);
    await Promise.allSettled(running);
    ledger.dropInFlight();
    if (error instanceof UploadError && remedyFor(error).kind === 'ask') return 'ask';
    throw error;
  } finally {
    session.signal.removeEventListener('abort', stop);
  }
}

interface SpanSending {
  readonly session: Session;
  readonly ledger: ChunkLedger;
  readonly uploadId: string;
  readonly span: ChunkSpan;
  readonly direct: DirectSender | null;
}

async function sendSpan({ session, ledger, uploadId, span, direct }: SpanSending): Promise<void> {
  const { api, source, record, runtime, pace, digests, signal } = session;
  const bytes = span.end - span.start;
  // A slow line whose buffers hide what moves looks like a stall; each time it is borne longer, so that it ends some time.
  let patience = 1;
  try {
    const receipt = await insist(session, async () => {
      let sentFrom: number | null = null;
      const onSent = (sent: number) => {
        sentFrom ??= runtime.now();
        record.chunkProgress(ledger, span.index, sent);
      };
      try {
        const sending = { api, source, uploadId, span, digests, patience, signal, onSent };
        const answer = (await direct?.send(sending)) ?? (await sendChunk(sending));
        if (sentFrom !== null) pace.observe(bytes, runtime.now() - sentFrom);
        return answer;
      } catch (error) {
        record.chunkProgress(ledger, span.index, 0);
        if (error instanceof UploadError && error.code === 'stalled') patience = Math.min(patience + 1, patienceMax);
        throw error;
      }
    });
    record.chunkProgress(ledger, span.index, bytes);
    ledger.acknowledge(span.index, receipt.receivedBytes);
    session.onChunkStored?.({ ...span, sha256: receipt.sha256 });
    record.store.touch();
  } catch (error) {
    record.gone = isVanished(error);
    throw error instanceof UploadError ? withChunk(error, span.index) : error;
  }
}
