/** Somebody who may say no before an upload is created. */
import type { Upload } from '../upload.ts';

export interface CreationGate {
  /**
   * Asked before anything is stored, whatever dialect it came by; the upload is as it would be created. Resolves when it may be. Rejects
   * with `creation-refused` (and the words of who refused it), or with `unavailable` when nobody could be asked. Takes a bounded time.
   */
  admit(upload: Upload): Promise<void>;
}

/** Everybody may create uploads. */
export const openGate: CreationGate = { admit: async () => {} };
