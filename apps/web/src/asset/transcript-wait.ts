/** Why there is no transcript (yet). Pure. */
import type { Run, Step } from '@holdfast/protocol';
import { stepOf } from './asset-view.ts';

export type TranscriptWait =
  | { readonly state: 'working'; readonly words: string; readonly progress: number | null }
  | { readonly state: 'none' | 'failed'; readonly words: string; readonly reason: string | null };

/** The steps on the way to a transcript, in order. */
const way = ['probe', 'extract_speech', 'detect_speech', 'transcribe', 'clean_transcript'];
const working: readonly Step['state'][] = ['blocked', 'pending', 'running'];

export function transcriptWait(runs: readonly Run[]): TranscriptWait {
  const steps = way.map((name) => stepOf(runs, name)).filter((step) => step !== null);
  const stopped = steps.find(({ state }) => state === 'failed' || state === 'cancelled' || state === 'skipped');
  if (stopped !== undefined && stopped.name !== 'clean_transcript') {
    if (stopped.state === 'skipped') return { state: 'none', words: 'No transcript', reason: stopped.reason };
    return { state: 'failed', words: 'No transcript: a step did not succeed', reason: stopped.reason };
  }
  const transcribe = steps.find(({ name }) => name === 'transcribe');
  if (transcribe === undefined)
    return { state: 'none', words: 'No transcript', reason: 'The pipeline has no step that transcribes.' };
  if (transcribe.state === 'running')
    return { state: 'working', words: 'Being transcribed …', progress: transcribe.progress };
  if (working.includes(transcribe.state))
    return { state: 'working', words: 'The transcript shows up here as soon as it is made.', progress: null };
  return {
    state: 'none',
    words: 'Nothing was understood',
    reason: 'Somebody speaks, but the recogniser found no words.',
  };
}
