/** What a client shall do with an upload that was interrupted. */
import { unreachable } from '../../core/errors.ts';
import type { RecordingView } from '../../uploads/recordings.ts';
import { estadoOf } from './estado.ts';
import { missingNumbers } from './render.ts';
import { percentage } from './render-chunk.ts';
import type { Recommendation, Recovery } from './schemas.ts';
import { uploadUrls } from './urls.ts';

/** From this fraction on clients are told that little is left. */
const nearlyComplete = 0.9;

interface Advice {
  /** Whether the upload can still come to its end. */
  readonly possible: boolean;
  readonly recommendations: readonly Recommendation[];
}

export function renderRecovery(view: RecordingView): Recovery {
  const { upload } = view;
  const { possible, recommendations } = advise(view);
  const { chunk_upload_url, complete_url } = uploadUrls(upload.id);
  return {
    recovery_possible: possible,
    recording_id: upload.id,
    upload_session_id: upload.id,
    estado: estadoOf(upload),
    chunks_missing: possible ? missingNumbers(view) : [],
    chunks_received: view.receivedChunks,
    total_chunks_expected: view.totalChunks,
    progress_percentage: percentage(view.progress),
    bytes_uploaded: upload.receivedBytes,
    file_size_total: upload.size ?? 0,
    chunk_upload_url,
    complete_url,
    expires_at: new Date(upload.expiresAt).toISOString(),
    recommendations: [...recommendations],
  };
}

function advise(view: RecordingView): Advice {
  const { phase } = view.upload;
  switch (phase.name) {
    case 'receiving':
      return goOn(sendMissing(view));
    case 'paused':
      return goOn([advice('resume_upload', 'Resume the upload before you send chunks.'), ...sendMissing(view)]);
    case 'validating':
    case 'assembling':
      return goOn([advice('wait', 'All chunks are here; ask for completion until it is done.')]);
    case 'completed':
      return end('already_completed', 'The recording is complete; there is nothing to recover.');
    case 'cancelled':
      return end('start_again', 'The upload was cancelled. Create a new recording.');
    case 'expired':
      return end('start_again', 'The upload expired because no chunk came for too long. Create a new recording.');
    case 'failed':
      return end('start_again', `${phase.reason} Create a new recording.`);
    default:
      return unreachable(phase);
  }
}

function sendMissing(view: RecordingView): Recommendation[] {
  const missing = missingNumbers(view);
  const total = view.totalChunks - view.receivedChunks;
  const send: Recommendation = {
    type: 'upload_missing_chunks',
    message: `Send the ${total} missing ${total === 1 ? 'chunk' : 'chunks'}.`,
    missing_chunks: missing,
  };
  const nearly = view.progress > nearlyComplete;
  return nearly
    ? [send, { ...send, type: 'nearly_complete', message: 'Nearly complete: only these are left.' }]
    : [send];
}

function goOn(recommendations: readonly Recommendation[]): Advice {
  return { possible: true, recommendations };
}

function end(type: Recommendation['type'], message: string): Advice {
  return { possible: false, recommendations: [advice(type, message)] };
}

function advice(type: Recommendation['type'], message: string): Recommendation {
  return { type, message, missing_chunks: [] };
}
