/**
 * Upload state in Redis. A rule runs here, on what was read, and a script applies what it decided if that is still how things are; if
 * not, the rule runs again on how they are now. Assets and events are in the database of the ledger, see `outbox.ts`.
 */

import type { Asset } from '../../core/asset.ts';
import { HoldfastError, invariant } from '../../core/errors.ts';
import { tokenUsed } from '../../core/grant.ts';
import type { Clock } from '../../core/ports/clock.ts';
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
import type { EventNews } from './event-news.ts';
import { factsOf, readStored, type Stored, textToExtent } from './facts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import type { Purge } from './purge.ts';
import { Turns } from './turns.ts';
import { UploadLists } from './upload-lists.ts';
import { type Change, handoverOf, handoverText, writePlan } from './write-plan.ts';

/** How often other processes may get in between before a request is told to come again. */
const attemptsMax = 200;
/** The first collisions are not waited for: one of those that collide has always got through. */
const patientAttempts = 3;
const pauseMsMax = 20;

/** What of the ledger's store is used: everything that is about assets and the log. */
export type LedgerUploads = Pick<
  UploadStore,
  'findAsset' | 'listAssets' | 'allAssets' | 'events' | 'onEvents' | 'ping'
>;

export interface RedisUploadStoreParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly ledger: LedgerUploads;
  readonly outbox: Outbox;
  readonly purge: Purge;
  readonly news: EventNews;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Names the writes of this process: no other one has or had it. No spaces. */
  readonly writer: string;
}

interface Read {
  readonly stored: Stored;
  readonly extent: Extent | null;
}

type Applied = { readonly kind: 'done' | 'gone' } | { readonly kind: 'stale'; readonly read: Read };

export class RedisUploadStore implements UploadStore {
  readonly #parts: RedisUploadStoreParts;
  readonly #lists: UploadLists;
  readonly #turns = new Turns();
  #writes = 0;

  constructor(parts: RedisUploadStoreParts) {
    this.#parts = parts;
    this.#lists = new UploadLists(parts.link, parts.keys);
  }

  async create(
    upload: Upload,
    events: readonly NewEvent[],
    writes: readonly Write[],
    liveMax: number,
  ): Promise<boolean> {
    const after = { ...upload, lastEvent: upload.lastEvent + events.length };
    try {
      const applied = await this.#apply({ before: null, after, events, writes, liveMax }, { version: '', at: null });
      invariant(applied.kind === 'done', `upload ${upload.id} is created once`);
      return true;
    } catch (error) {
      if (error === noRoom) return false;
      throw error;
    }
  }

  async find(id: string): Promise<Upload | null> {
    return (await this.#read(id, null))?.stored.upload ?? null;
  }

  async findWithExtent(id: string, offset: number): Promise<{ upload: Upload; extent: Extent | null } | null> {
    const read = await this.#read(id, offset);
    return read && { upload: read.stored.upload, extent: read.extent };
  }

  decide(id: string, extentAt: ExtentChoice, rule: Rule): Promise<Decision | null> {
    return this.#turns.take(id, () => this.#decide(id, extentAt, rule));
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

  async #read(id: string, at: ExtentChoice): Promise<Read | null> {
    const { link, keys } = this.#parts;
    const [value, extent] = (await link.script('hfRead', keys.upload(id), keys.extents(id), extentText(at))) as [
      string | null,
      string | null,
    ];
    return value === null ? null : readOf(value, extent);
  }

  async #decide(id: string, at: ExtentChoice, rule: Rule): Promise<Decision | null> {
    let read = await this.#read(id, at);
    for (let attempt = 0; read !== null; attempt += 1) {
      if (attempt === attemptsMax)
        throw new HoldfastError('unavailable', 'Too many others change this upload at the same time. Try again.');
      if (attempt > patientAttempts) await this.#pause(attempt);
      const before = read.stored.upload;
      const decision = rule(before, read.extent);
      if (decision.kind === 'reject' || changesNothing(before, decision)) return decision;
      assertKeepsIdentity(before, decision.next);
      const { events, writes } = decision;
      const after = { ...decision.next, lastEvent: before.lastEvent + events.length };
      const applied = await this.#apply({ before, after, events, writes }, { version: read.stored.version, at });
      if (applied.kind === 'done') return { ...decision, next: after };
      read = applied.kind === 'stale' ? applied.read : null;
    }
    return null;
  }

  async #apply(change: Change, made: { readonly version: string; readonly at: ExtentChoice }): Promise<Applied> {
    const { link, keys, writer } = this.#parts;
    const { id } = change.after;
    const handover = handoverText(handoverOf(change));
    this.#writes += 1;
    const [outcome = '', ...details] = (await link.script(
      'hfDecide',
      keys.upload(id),
      made.version,
      `${writer}.${this.#writes.toString(36)}`,
      factsOf(change.after),
      handover,
      JSON.stringify(writePlan(keys, change)),
      keys.extents(id),
      extentText(made.at),
    )) as (string | null)[];
    switch (outcome) {
      case 'done':
        if (handover !== '') await this.#announce(change);
        return { kind: 'done' };
      case 'gone':
        return { kind: 'gone' };
      case 'stale':
        return { kind: 'stale', read: readOf(details[0] ?? '', details[1] ?? null) };
      default:
        throw refusal(outcome ?? '', details[0] ?? '', change);
    }
  }

  /** A publication is waited for, so that the asset is there when its upload is answered; the outbox has it in any case. */
  async #announce({ writes }: Change): Promise<void> {
    this.#parts.news.call();
    const arrival = this.#parts.outbox.tryFlush();
    if (writes.some((write) => write.type === 'publish-asset')) await arrival;
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#parts;
    const longest = Math.min(2 ** (attempt - patientAttempts), pauseMsMax);
    return new Promise((resolve) => void clock.after(random() * longest, resolve));
  }
}

/** The principal has as many live uploads as it may have. */
const noRoom = new Error('no room');

function refusal(outcome: string, detail: string, { after, writes }: Change): Error {
  switch (outcome) {
    case 'full':
      return noRoom;
    case 'quota': {
      const bytesMax = writes.find((write) => write.type === 'limit-live-bytes')?.bytesMax;
      return new HoldfastError(
        'quota-exceeded',
        `Unfinished uploads may have ${bytesMax} bytes together; with this one they would have ${detail}. Finish or cancel some.`,
        { details: { liveBytesMax: bytesMax } },
      );
    }
    case 'token':
      return tokenUsed(detail === '' ? null : detail);
    case 'parts':
      return new HoldfastError('invalid-concatenation', 'A part has ended meanwhile. Upload it again.');
    default:
      return new Error(`Invariant broken: the script refuses upload ${after.id}: ${outcome}`);
  }
}

function changesNothing(before: Upload, { next, events, writes }: Extract<Decision, { kind: 'accept' }>): boolean {
  return next === before && events.length === 0 && writes.length === 0;
}

function assertKeepsIdentity(before: Upload, next: Upload): void {
  invariant(next.id === before.id && next.principal === before.principal, 'a rule keeps the identity of its upload');
  invariant(next.lastEvent === before.lastEvent, 'events are numbered by the store');
}

function extentText(at: ExtentChoice): string {
  return at === null ? '' : String(at);
}

function readOf(value: string, extent: string | null): Read {
  return { stored: readStored(value), extent: extent === null ? null : textToExtent(extent) };
}
