/** Recordings: which uploads are, and what is left of purged ones, is in the database of the ledger; how the others are now, is here. */
import type { KeptRecording, LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { Recording, RecordingQuery, RecordingStore } from '../../core/ports/recording-store.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import { UploadLists } from './upload-lists.ts';

export class RedisRecordingStore implements RecordingStore {
  readonly #outbox: Outbox;
  readonly #inbox: LedgerInbox;
  readonly #lists: UploadLists;

  constructor(link: RedisLink, keys: Keys, ledger: { readonly outbox: Outbox; readonly inbox: LedgerInbox }) {
    this.#outbox = ledger.outbox;
    this.#inbox = ledger.inbox;
    this.#lists = new UploadLists(link, keys);
  }

  async findRecording(id: string, principal: string): Promise<Recording | null> {
    await this.#outbox.flush();
    const kept = await this.#inbox.findRecording(id, principal);
    return kept === null ? null : ((await this.#recordings([kept], principal))[0] ?? null);
  }

  async listRecordings(query: RecordingQuery): Promise<{ items: Recording[]; total: number }> {
    await this.#outbox.flush();
    const { items, total } = await this.#inbox.listRecordings(query);
    return { items: await this.#recordings(items, query.principal), total };
  }

  async #recordings(kept: readonly KeptRecording[], principal: string): Promise<Recording[]> {
    const alive = kept.filter(({ upload }) => upload === null).map(({ id }) => id);
    const uploads = new Map((await this.#lists.byIds(alive)).map((upload) => [upload.id, upload]));
    const found: Recording[] = [];
    for (const { id, upload } of kept) {
      const now = upload ?? uploads.get(id);
      // Purged while we looked: its facts are over there by now.
      const facts = now ?? (await this.#inbox.findRecording(id, principal))?.upload;
      if (facts) found.push({ upload: facts, purged: !uploads.has(id) });
    }
    return found;
  }
}
