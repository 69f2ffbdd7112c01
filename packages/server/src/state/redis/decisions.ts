/**
 * Makes decisions: reads an upload, runs the rule, and lets a script apply what it decided if the upload is still what was read. If not, the
 * script answers with what there is now, and the rule runs again on that.
 */
import { HoldfastError, invariant } from '../../core/errors.ts';
import { tokenUsed } from '../../core/grant.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Decision, ExtentChoice, Rule } from '../../core/ports/upload-store.ts';
import type { Extent, Upload } from '../../core/upload.ts';
import type { EventNews } from './event-news.ts';
import { factsOf, readStored, type Stored, textToExtent } from './facts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import { Turns } from './turns.ts';
import { type Change, handoverOf, handoverText, writePlan } from './write-plan.ts';

/** How often other processes may get in between before a request is told to come again. */
const attemptsMax = 200;
/** The first collisions are not waited for: one of those that collide has always got through. */
const patientAttempts = 3;
const pauseMsMax = 20;

export interface DecisionParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly outbox: Outbox;
  readonly news: EventNews;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Names the writes of this process: no other one has or had it. No spaces. */
  readonly writer: string;
}

export interface Read {
  readonly stored: Stored;
  readonly extent: Extent | null;
}

type Creation = Pick<Change, 'events' | 'writes'> & { readonly liveMax: number };
type Applied = { readonly kind: 'done' | 'gone' } | { readonly kind: 'stale'; readonly read: Read };

export class Decisions {
  readonly #parts: DecisionParts;
  readonly #turns = new Turns();
  #writes = 0;

  constructor(parts: DecisionParts) {
    this.#parts = parts;
  }

  /** The upload and an extent of it, as they are at one moment. */
  async read(id: string, at: ExtentChoice): Promise<Read | null> {
    const { link, keys } = this.#parts;
    const reply = await link.script('hfRead', keys.upload(id), keys.extents(id), extentText(at));
    const [value, extent] = reply as readonly [string | null, string | null];
    return value === null ? null : readOf(value, extent);
  }

  async create(upload: Upload, given: Creation): Promise<boolean> {
    const after = { ...upload, lastEvent: upload.lastEvent + given.events.length };
    try {
      const applied = await this.#apply({ before: null, after, ...given }, { version: '', at: null });
      invariant(applied.kind === 'done', `upload ${upload.id} is created once`);
      return true;
    } catch (error) {
      if (error === noRoom) return false;
      throw error;
    }
  }

  decide(id: string, at: ExtentChoice, rule: Rule): Promise<Decision | null> {
    return this.#turns.take(id, () => this.#decide(id, at, rule));
  }

  async #decide(id: string, at: ExtentChoice, rule: Rule): Promise<Decision | null> {
    let read = await this.read(id, at);
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
    const reply = await link.script(
      'hfDecide',
      keys.upload(id),
      made.version,
      `${writer}.${this.#writes.toString(36)}`,
      factsOf(change.after),
      handover,
      JSON.stringify(writePlan(keys, change)),
      keys.extents(id),
      extentText(made.at),
    );
    const [outcome, value, extent] = reply as readonly [string, string | undefined, string | null | undefined];
    switch (outcome) {
      case 'done':
        if (handover !== '') await this.#announce(change);
        return { kind: 'done' };
      case 'gone':
        return { kind: 'gone' };
      case 'stale':
        return { kind: 'stale', read: readOf(value ?? '', extent ?? null) };
      default:
        throw refusal(outcome, value ?? '', change);
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
