/** Deletes ended uploads. The ledger goes first: what it keeps of recordings has to be there before the upload is not. */
import type { LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { Millis } from '../../core/upload.ts';
import { indexChanges } from './indexes.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import { UploadLists } from './upload-lists.ts';

/** Uploads that a script deletes at once: others wait for it. */
const batch = 100;

export class Purge {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #outbox: Outbox;
  readonly #inbox: LedgerInbox;
  readonly #lists: UploadLists;

  constructor(link: RedisLink, keys: Keys, ledger: { readonly outbox: Outbox; readonly inbox: LedgerInbox }) {
    this.#link = link;
    this.#keys = keys;
    this.#outbox = ledger.outbox;
    this.#inbox = ledger.inbox;
    this.#lists = new UploadLists(link, keys);
  }

  async run(before: Millis, limit: number): Promise<number> {
    const found = await this.#lists.purgeable(before, limit);
    if (found.length === 0) return 0;
    // What was said of them goes before they do, and nothing of it comes after.
    await this.#outbox.flush();
    let purged = 0;
    for (let start = 0; start < found.length; start += batch) {
      const some = found.slice(start, start + batch);
      await this.#inbox.forget(some.map(({ upload }) => upload));
      const orders = some.map(({ version, upload }) => ({
        key: this.#keys.upload(upload.id),
        version,
        also: [this.#keys.extents(upload.id), this.#keys.finals(upload.id), this.#keys.lock(upload.id)],
        ...indexChanges(this.#keys, upload, null),
      }));
      purged += Number(await this.#link.script('hfPurge', this.#keys.ended, JSON.stringify(orders)));
    }
    return purged;
  }
}
