/** What the recordings dialect needs from the HTTP layer and the services; passed in by the composition root. */
import type { Limits } from '../../core/limits.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { Millis } from '../../core/upload.ts';
import type { RecordingService } from '../../uploads/recordings.ts';
import type { UploadService } from '../../uploads/service.ts';
import type { FormIntake } from '../form-intake.ts';

/** Settings of the source service (requirement C12) that clients are told. */
export interface RecordingSettings {
  /** Whether checksums that clients send are checked, and chunks get one of ours. */
  readonly chunkValidation: boolean;
  /** What browsers shall do before they send. */
  readonly audioCompression: boolean;
  readonly compressionPreset: string;
  readonly preserveOriginalAudio: boolean;
}

export interface RecordingsContext extends FormIntake {
  readonly uploads: UploadService;
  readonly recordings: RecordingService;
  readonly ledger: LedgerStore;
  readonly limits: Limits;
  readonly recordingSettings: RecordingSettings;
  now(): Millis;
}
