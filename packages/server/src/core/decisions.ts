/** The building blocks of decisions. */
import { HoldfastError } from './errors.ts';
import type { Decision, Write } from './ports/upload-store.ts';
import type { Millis, NewEvent, Phase, Upload } from './upload.ts';

export function accept(next: Upload, events: readonly NewEvent[] = [], writes: readonly Write[] = []): Decision {
  return { kind: 'accept', next, events, writes };
}

export function unchanged(upload: Upload): Decision {
  return { kind: 'accept', next: upload, events: [], writes: [] };
}

export function reject(error: HoldfastError): Decision {
  return { kind: 'reject', error };
}

export function moved(upload: Upload, phase: Phase, now: Millis): Upload {
  return { ...upload, phase, updatedAt: now };
}

export function event(at: Millis, type: string, message: string): NewEvent {
  return { at, type, message, data: {} };
}

export function leaseLost(): HoldfastError {
  return new HoldfastError('lease-lost', 'Another holder finishes this upload.');
}
