/**
 * Where an upload is, from the caller's point of view. Pure.
 *
 * - preparing: entry: add, resume(), retry(), or the server lost bytes. The server is asked for, or told of, the upload.
 * - sending: entry: the server takes chunks and says which it lacks.
 * - finishing: entry: all chunks acknowledged (or the server says that it has all).
 * - paused: by the user (nothing runs) or on the server (a session waits for it to be resumed).
 * - failed: nothing runs; `retry` leaves it.
 * - completed, cancelled: final.
 *
 * "Waiting" is no phase: it is preparing, sending or finishing while nothing can be sent, and is derived for the snapshot.
 */
import type { CompletedUpload } from './snapshot.ts';
import type { UploadError } from './upload-error.ts';

export type Phase =
  | { readonly name: 'preparing' }
  | { readonly name: 'sending' }
  | { readonly name: 'finishing' }
  | { readonly name: 'paused'; readonly by: 'user' | 'server' }
  | { readonly name: 'completed'; readonly result: CompletedUpload }
  | { readonly name: 'failed'; readonly error: UploadError }
  | { readonly name: 'cancelled' };

type PhaseName = Phase['name'];

const working = ['preparing', 'sending', 'finishing'] as const;

/** From where each phase may be entered. */
const entries: { readonly [K in PhaseName]: readonly PhaseName[] } = {
  preparing: [...working, 'paused', 'failed'],
  sending: ['preparing'],
  finishing: ['preparing', 'sending'],
  // Also by the user what the server has paused already.
  paused: [...working, 'paused'],
  completed: working,
  failed: working,
  cancelled: [...working, 'paused', 'failed'],
};

/** The phase after `next` was asked for; the old one if it cannot be entered from here (a late answer, a second click). */
export function enter(phase: Phase, next: Phase): Phase {
  return entries[next.name].includes(phase.name) ? next : phase;
}

/** Whether a session is at work in it. */
export function isWorking(phase: Phase): boolean {
  return working.some((name) => name === phase.name);
}
