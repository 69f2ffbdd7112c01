/**
 * Several decisions on one upload, one after the other, as one change: each rule is given the upload as the ones before it leave it. What is
 * decided is nobody's answer before the change is made. Pure.
 */
import { HoldfastError, invariant } from '../../core/errors.ts';
import type { Decision, ExtentChoice, Rule, Write } from '../../core/ports/upload-store.ts';
import type { Extent, NewEvent, Upload } from '../../core/upload.ts';
import type { Change } from './write-plan.ts';

export interface Question {
  readonly at: ExtentChoice;
  readonly rule: Rule;
}

export type Answer =
  | { readonly kind: 'decided'; readonly decision: Decision }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface Deliberation {
  /** To the first of the questions; the others have to be asked again, on what is there then. */
  readonly answers: readonly Answer[];
  /** Null when nothing is to be written. */
  readonly change: Change | null;
}

type Accepted = Extract<Decision, { kind: 'accept' }>;

/** `extents` are the stored ones that the questions ask for, in their order. */
export function deliberate(
  before: Upload,
  extents: readonly (Extent | null)[],
  questions: readonly Question[],
): Deliberation {
  const answers: Answer[] = [];
  const events: NewEvent[] = [];
  const writes: Write[] = [];
  /** What the decisions so far make of places; null: free. */
  const places = new Map<number, Extent | null>();
  let upload = before;
  for (const [i, { at, rule }] of questions.entries()) {
    // Which one is the last is only known when the others are written.
    if (at === 'last' && places.size > 0) break;
    const stored = typeof at === 'number' && places.has(at) ? (places.get(at) ?? null) : (extents[i] ?? null);
    try {
      const decision = rule(upload, stored);
      if (decision.kind === 'accept' && changes(upload, decision)) {
        assertAllowed(upload, decision, places);
        note(decision.writes, places);
        events.push(...decision.events);
        writes.push(...decision.writes);
        upload = { ...decision.next, lastEvent: upload.lastEvent + decision.events.length };
        answers.push({ kind: 'decided', decision: { ...decision, next: upload } });
      } else answers.push({ kind: 'decided', decision });
    } catch (error) {
      answers.push({ kind: 'failed', error });
    }
    if (writes.some((write) => write.type !== 'insert-extent' && write.type !== 'delete-extents')) break;
  }
  const change = upload === before ? null : { before, after: upload, events, writes };
  return { answers, change };
}

function changes(upload: Upload, { next, events, writes }: Accepted): boolean {
  return next !== upload || events.length > 0 || writes.length > 0;
}

function assertAllowed(upload: Upload, { next, writes }: Accepted, places: ReadonlyMap<number, Extent | null>): void {
  invariant(next.id === upload.id && next.principal === upload.principal, 'a rule keeps the identity of its upload');
  invariant(next.lastEvent === upload.lastEvent, 'events are numbered by the store');
  const own = new Map(places);
  for (const write of writes) {
    if (write.type === 'insert-extent' && (own.get(write.extent.offset) ?? null) !== null)
      throw new HoldfastError('internal', `The upload has an extent at ${write.extent.offset} already.`);
    note([write], own);
  }
}

function note(writes: readonly Write[], places: Map<number, Extent | null>): void {
  for (const write of writes) {
    if (write.type === 'insert-extent') places.set(write.extent.offset, write.extent);
    if (write.type === 'delete-extents') for (const offset of write.offsets) places.set(offset, null);
  }
}
