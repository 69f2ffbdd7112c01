/** Deleting assets where uploads are in Redis: what they have completed is in the outbox until the ledger has it. */
import type { DeletedContent, DeletionOutcome, DeletionStore, DeletionWish } from '../../core/ports/deletion-store.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { Outbox } from './outbox.ts';

export class RedisDeletionStore implements DeletionStore {
  readonly #ledger: DeletionStore;
  readonly #outbox: Outbox;

  constructor(ledger: DeletionStore, outbox: Outbox) {
    this.#ledger = ledger;
    this.#outbox = outbox;
  }

  async delete(wish: DeletionWish): Promise<DeletionOutcome> {
    await this.#outbox.flush();
    return await this.#ledger.delete(wish);
  }

  deleted(after: DeletedContent | null, limit: number): Promise<DeletedContent[]> {
    return this.#ledger.deleted(after, limit);
  }

  find(assetId: Sha256): Promise<DeletedContent | null> {
    return this.#ledger.find(assetId);
  }

  async isRecorded(assetId: Sha256): Promise<boolean> {
    await this.#outbox.flush();
    return await this.#ledger.isRecorded(assetId);
  }

  forget(content: DeletedContent): Promise<void> {
    return this.#ledger.forget(content);
  }
}
