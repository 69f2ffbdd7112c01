/** What became of the content of an upload. */
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { Upload } from '../core/upload.ts';

/** The newest processing run of the content, or the content itself where nothing is processed; null before it is completed. */
export async function processingRun({ phase }: Upload, ledger: LedgerStore): Promise<string | null> {
  if (phase.name !== 'completed') return null;
  const [newest] = await ledger.runsOf(phase.assetId);
  return newest?.id ?? phase.assetId;
}
