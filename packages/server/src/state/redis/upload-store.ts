/** Upload state in Redis. Decisions are made in `decisions.ts`; assets and events are in the database of the ledger, see `outbox.ts`. */

import type { Asset } from '../../core/asset.ts';
import type {
  AssetQuery,
  Decision,
  EventQuery,
  ExtentChoice,
  OwnedAsset,
  Page,
  Rule,
  UploadQuery,
  UploadStore,
  Write,
} from '../../core/ports/upload-store.ts';
import type { Extent, LoggedEvent, Millis, NewEvent, PhaseName, Sha256, Upload } from '../../core/upload.ts';
import { type DecisionParts, Decisions } from './decisions.ts';
import { textToExtent } from './facts.ts';
import type { Purge } from './purge.ts';
import { UploadLists } from './upload-lists.ts';

/** What of the ledger's store is used: everything that is about assets and the log. */
export type LedgerUploads = Pick<
  UploadStore,
  'findAsset' | 'listAssets' | 'allAssets' | 'events' | 'onEvents' | 'ping'
>;

export interface RedisUploadStoreParts extends DecisionParts {
  readonly ledger: LedgerUploads;
  readonly purge: Purge;
}

export class RedisUploadStore implements UploadStore {
  readonly #parts: RedisUploadStoreParts;
  readonly #lists: UploadLists;
  readonly #decisions: Decisions;

  constructor(parts: RedisUploadStoreParts) {
    this.#parts = parts;
    this.#lists = new UploadLists(parts.link, parts.keys);
    this.#decisions = new Decisions(parts);
  }

  create(upload: Upload, events: readonly NewEvent[], writes: readonly Write[], liveMax: number): Promise<boolean> {
    return this.#decisions.create(upload, { events, writes, liveMax });
  }

  async find(id: string): Promise<Upload | null> {
    return (await this.#decisions.read(id, []))?.stored.upload ?? null;
  }

  async findWithExtent(id: string, offset: number): Promise<{ upload: Upload; extent: Extent | null } | null> {
    const read = await this.#decisions.read(id, [offset]);
    return read && { upload: read.stored.upload, extent: read.extents[0] ?? null };
  }

  decide(id: string, extentAt: ExtentChoice, rule: Rule): Promise<Decision | null> {
    return this.#decisions.decide(id, extentAt, rule);
  }

  async extents(id: string): Promise<Extent[]> {
    const { link, keys } = this.#parts;
    return (await link.run((client) => client.zrange(keys.extents(id), '0', '-1'))).map(textToExtent);
  }

  list(query: UploadQuery): Promise<Page<Upload>> {
    return this.#lists.page(query);
  }

  finalsOf(partId: string): Promise<Upload[]> {
    return this.#lists.finalsOf(partId);
  }

  findFinal(principal: string, parts: readonly string[]): Promise<Upload | null> {
    return this.#lists.findFinal(principal, parts);
  }

  waitingFinals(afterId: string, limit: number): Promise<Upload[]> {
    return this.#lists.waitingFinals(afterId, limit);
  }

  dueToExpire(now: Millis, limit: number): Promise<Upload[]> {
    return this.#lists.dueToExpire(now, limit);
  }

  abandoned(now: Millis, limit: number): Promise<Upload[]> {
    return this.#lists.abandoned(now, limit);
  }

  heldBy(holder: string, limit: number): Promise<Upload[]> {
    return this.#lists.heldBy(holder, limit);
  }

  toRelease(limit: number): Promise<Upload[]> {
    return this.#lists.toRelease(limit);
  }

  async released(id: string): Promise<void> {
    await this.decide(id, null, (upload) => ({
      kind: 'accept',
      next: upload.storage === 'released' ? upload : { ...upload, storage: 'released' },
      events: [],
      writes: [],
    }));
  }

  purge(before: Millis, limit: number): Promise<number> {
    return this.#parts.purge.run(before, limit);
  }

  live(afterId: string, limit: number): Promise<Upload[]> {
    return this.#lists.live(afterId, limit);
  }

  async findAsset(id: Sha256, principal: string): Promise<OwnedAsset | null> {
    await this.#parts.outbox.flush();
    return this.#parts.ledger.findAsset(id, principal);
  }

  async listAssets(query: AssetQuery): Promise<Page<OwnedAsset>> {
    await this.#parts.outbox.flush();
    return this.#parts.ledger.listAssets(query);
  }

  async allAssets(afterId: string, limit: number): Promise<Asset[]> {
    await this.#parts.outbox.flush();
    return this.#parts.ledger.allAssets(afterId, limit);
  }

  async events(query: EventQuery): Promise<LoggedEvent[]> {
    await this.#parts.outbox.flush();
    return this.#parts.ledger.events(query);
  }

  onEvents(listener: () => void): () => void {
    return this.#parts.news.on(listener);
  }

  async countByPhase(): Promise<Readonly<Partial<Record<PhaseName, number>>>> {
    const { link, keys } = this.#parts;
    const counts = await link.run((client) => client.hgetall(keys.phases));
    return Object.fromEntries(Object.entries(counts).map(([phase, count]) => [phase, Number(count)]));
  }

  async ping(): Promise<void> {
    const { link, keys, clock, ledger } = this.#parts;
    await link.run((client) => client.set(keys.touched, clock.now()));
    await ledger.ping();
  }
}
