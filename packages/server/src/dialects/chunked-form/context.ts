/** What the chunked-form dialect needs from the HTTP layer and the services; passed in by the composition root. */
import type { Limits } from '../../core/limits.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { UploadService } from '../../uploads/service.ts';
import type { FormIntake } from '../form-intake.ts';

export interface ChunkedFormContext extends FormIntake {
  readonly uploads: UploadService;
  readonly ledger: LedgerStore;
  readonly limits: Limits;
}
