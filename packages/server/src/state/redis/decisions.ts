/**
 * Makes decisions: reads an upload, runs the rules that wait for it, and lets a script apply what they decided if the upload is still what
 * was read. If not, the script answers with what there is now, and the rules run again on that.
 */
import { HoldfastError, invariant } from '../../core/errors.ts';
import { tokenUsed } from '../../core/grant.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Decision, ExtentChoice, Rule } from '../../core/ports/upload-store.ts';
import type { Extent, Upload } from '../../core/upload.ts';
import { type Answer, deliberate, type Question } from './deliberation.ts';
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
/** Decisions that are made together: so many chunks of one upload share a sync of Redis. */
const togetherMax = 32;

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
  /** What was asked for, in that order. */
  readonly extents: readonly (Extent | null)[];
}

type Creation = Pick<Change, 'events' | 'writes'> & { readonly liveMax: number };
type Applied = { readonly kind: 'done' | 'gone' } | { readonly kind: 'stale'; readonly read: Read };

interface Pending extends Question {
  readonly resolve: (decision: Decision | null) => void;
  readonly reject: (error: unknown) => void;
}

export class Decisions {
  readonly #parts: DecisionParts;
  readonly #turns = new Turns<Pending>(togetherMax, (id, some) => this.#turn(id, some));
  #writes = 0;

  constructor(parts: DecisionParts) {
    this.#parts = parts;
  }

  /** The upload and extents of it, as they are at one moment. */
  async read(id: string, at: readonly ExtentChoice[]): Promise<Read | null> {
    const { link, keys } = this.#parts;
    const reply = await link.script('hfRead', keys.upload(id), keys.extents(id), ...at.map(extentText));
    const [value, extents] = reply as readonly [string | null, readonly (string | null)[]];
    return value === null ? null : readOf(value, extents);
  }

  async create(upload: Upload, given: Creation): Promise<boolean> {
    const after = { ...upload, lastEvent: upload.lastEvent + given.events.length };
    try {
      const applied = await this.#apply({ before: null, after, ...given }, { version: '', at: [] });
      invariant(applied.kind === 'done', `upload ${upload.id} is created once`);
      return true;
    } catch (error) {
      if (error === noRoom) return false;
      throw error instanceof Refusal ? error.reason : error;
    }
  }

  decide(id: string, at: ExtentChoice, rule: Rule): Promise<Decision | null> {
    return new Promise((resolve, reject) => {
      this.#turns.add(id, [{ at, rule, resolve, reject }]);
    });
  }

  async #turn(id: string, some: readonly Pending[]): Promise<void> {
    try {
      const answers = await this.#together(id, some);
      for (const [i, one] of some.entries()) {
        const answer = answers === null ? ({ kind: 'decided', decision: null } as const) : answers[i];
        if (answer === undefined) {
          this.#turns.add(id, some.slice(i), 'beginning');
          break;
        }
        if (answer.kind === 'decided') one.resolve(answer.decision);
        else one.reject(answer.error);
      }
    } catch (error) {
      const refused = error instanceof Refusal ? error.reason : error;
      // What the script refuses is one decision's fault: the others do not have to suffer for it.
      if (error instanceof Refusal && some.length > 1) for (const one of some) await this.#turn(id, [one]);
      else for (const one of some) one.reject(refused);
    }
  }

  /** Null when there is no such upload. */
  async #together(id: string, some: readonly Pending[]): Promise<readonly Answer[] | null> {
    const at = some.map((one) => one.at);
    let read = await this.read(id, at);
    for (let attempt = 0; read !== null; attempt += 1) {
      if (attempt === attemptsMax)
        throw new HoldfastError('unavailable', 'Too many others change this upload at the same time. Try again.');
      if (attempt > patientAttempts) await this.#pause(attempt);
      const { answers, change } = deliberate(read.stored.upload, read.extents, some);
      if (change === null) return answers;
      const applied = await this.#apply(change, { version: read.stored.version, at });
      if (applied.kind === 'done') return answers;
      read = applied.kind === 'stale' ? applied.read : null;
    }
    return null;
  }

  async #apply(
    change: Change,
    made: { readonly version: string; readonly at: readonly ExtentChoice[] },
  ): Promise<Applied> {
    const { link, keys, writer } = this.#parts;
    const { id } = change.after;
    const { facts, handover, plan } = writtenOut(keys, change);
    this.#writes += 1;
    const version = `${writer}.${this.#writes.toString(36)}`;
    const reply = await link.script(
      'hfDecide',
      keys.upload(id),
      made.version,
      version,
      facts,
      handover,
      plan,
      keys.extents(id),
      ...made.at.map(extentText),
    );
    const [outcome, detail = '', extents = []] = reply as readonly [string, string?, (readonly (string | null)[])?];
    switch (outcome) {
      case 'done':
        if (handover !== '') await this.#announce(change);
        return { kind: 'done' };
      case 'gone':
        return { kind: 'gone' };
      case 'stale':
        return { kind: 'stale', read: readOf(detail, extents) };
      case 'full':
        throw noRoom;
      default:
        throw new Refusal(refusal(outcome, detail, change));
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

/** It is not to be done, and nothing was. */
class Refusal extends Error {
  readonly reason: Error;

  constructor(reason: Error) {
    super(reason.message);
    this.reason = reason;
  }
}

/** What cannot be written, or would never arrive at the ledger, is refused as if by the script. */
function writtenOut(keys: Keys, change: Change): Readonly<Record<'facts' | 'handover' | 'plan', string>> {
  try {
    const handover = handoverText(handoverOf(change));
    return { facts: factsOf(change.after), handover, plan: JSON.stringify(writePlan(keys, change)) };
  } catch (error) {
    throw error instanceof Error ? new Refusal(error) : error;
  }
}

function refusal(outcome: string, detail: string, { after, writes }: Change): Error {
  switch (outcome) {
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

function extentText(at: ExtentChoice): string {
  return at === null ? '' : String(at);
}

function readOf(value: string, extents: readonly (string | null)[]): Read {
  const found = extents.map((text) => (text === null ? null : textToExtent(text)));
  return { stored: readStored(value), extents: found };
}
