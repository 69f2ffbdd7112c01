/** A decision as what the script is told to write, all lists included. Pure. */
import { invariant, unreachable } from '../../core/errors.ts';
import { assertPlan } from '../../core/ledger.ts';
import type { Handover, Publication } from '../../core/ports/ledger-inbox.ts';
import type { Write } from '../../core/ports/upload-store.ts';
import { livePhases, type NewEvent, type Upload } from '../../core/upload.ts';
import { assertStorable, extentToText, usesOf } from './facts.ts';
import { type IndexChanges, indexChanges, liveBytes } from './indexes.ts';
import type { Keys } from './keys.ts';

/** What the script reads; amounts are text. */
export interface WritePlan extends IndexChanges {
  readonly id: string;
  readonly principal: string;
  /** Of a new upload: how often it is used as a part. */
  readonly uses: string;
  /** Offsets that have to be free. */
  readonly fresh: readonly string[];
  readonly delete: readonly string[];
  readonly insert: readonly (readonly [offset: string, extent: string])[];
  /** Keys of the parts that are used once more, or once less, and of their lists of finals. */
  readonly useParts: readonly string[];
  readonly finals: readonly string[];
  readonly freeParts: readonly string[];
  readonly noFinals: readonly string[];
  readonly expiryKey: string;
  readonly outboxKey: string;
  readonly news: string;
  readonly token?: string;
  readonly liveMax?: string;
  readonly liveKeys?: readonly string[];
  readonly bytesMax?: string;
  readonly bytesKey?: string;
  readonly bytes?: string;
}

export interface Change {
  /** Null: it is created. */
  readonly before: Upload | null;
  readonly after: Upload;
  readonly events: readonly NewEvent[];
  readonly writes: readonly Write[];
  /** Of a creation: how many live uploads its principal may have. */
  readonly liveMax?: number;
}

type Lists = Pick<WritePlan, 'useParts' | 'finals' | 'freeParts' | 'noFinals'>;

export function writePlan(keys: Keys, change: Change): WritePlan {
  const { before, after, writes, liveMax } = change;
  const limited = liveMax !== undefined && Number.isSafeInteger(liveMax);
  return {
    id: after.id,
    principal: after.principal,
    uses: String(usesOf(after)),
    ...indexChanges(keys, before, after),
    ...extentWrites(writes),
    ...partLists(keys, writes),
    expiryKey: keys.expiry,
    outboxKey: keys.outbox,
    news: keys.news,
    ...(limited
      ? { liveMax: String(liveMax), liveKeys: livePhases.map((name) => keys.own(after.principal, name)) }
      : {}),
    ...conditions(keys, change),
  };
}

/** What the ledger has to hear of the change; null when that is nothing. Throws on runs that could never be started. */
export function handoverOf({ before, after, events, writes }: Change): Handover | null {
  const publications: Publication[] = [];
  let recording: Handover['recording'] = null;
  for (const write of writes) {
    if (write.type === 'keep-recording') recording = { subject: write.subject, createdAt: after.createdAt };
    if (write.type !== 'publish-asset') continue;
    for (const plan of write.runs) assertPlan(plan);
    publications.push({ asset: write.asset, source: write.source, runs: write.runs });
  }
  if (events.length === 0 && publications.length === 0 && recording === null) return null;
  const firstSeq = (before ?? { lastEvent: after.lastEvent - events.length }).lastEvent + 1;
  const { id: uploadId, principal } = after;
  return { uploadId, principal, firstSeq, events, recording, publications };
}

export function handoverText(handover: Handover | null): string {
  if (handover === null) return '';
  const text = JSON.stringify(handover);
  assertStorable(text);
  return text;
}

/** What is left of inserts and deletes when they are done in their order. */
function extentWrites(writes: readonly Write[]): Pick<WritePlan, 'fresh' | 'delete' | 'insert'> {
  const fresh: string[] = [];
  const deleted = new Set<number>();
  const inserted = new Map<number, string>();
  for (const write of writes) {
    if (write.type === 'delete-extents') {
      for (const offset of write.offsets) {
        deleted.add(offset);
        inserted.delete(offset);
      }
    }
    if (write.type !== 'insert-extent') continue;
    const { offset } = write.extent;
    invariant(!inserted.has(offset), `one extent at ${offset}`);
    if (!deleted.has(offset)) fresh.push(String(offset));
    inserted.set(offset, extentToText(write.extent));
  }
  return {
    fresh,
    delete: [...deleted].map(String),
    insert: [...inserted].map(([offset, text]) => [String(offset), text]),
  };
}

function partLists(keys: Keys, writes: readonly Write[]): Lists {
  // Each once: a file may be concatenated with itself.
  const parts = (type: 'use-parts' | 'free-parts') => [
    ...new Set(writes.flatMap((write) => (write.type === type ? write.parts : []))),
  ];
  const [used, freed] = [parts('use-parts'), parts('free-parts')];
  return {
    useParts: used.map((id) => keys.upload(id)),
    finals: used.map((id) => keys.finals(id)),
    freeParts: freed.map((id) => keys.upload(id)),
    noFinals: freed.map((id) => keys.finals(id)),
  };
}

function conditions(keys: Keys, { before, after, writes }: Change): Partial<WritePlan> {
  const bytes = liveBytes(after) - (before === null ? 0 : liveBytes(before));
  let found: Partial<WritePlan> = {};
  for (const write of writes) {
    switch (write.type) {
      case 'consume-token':
        found = { ...found, token: keys.token(write.tokenId) };
        break;
      case 'limit-live-bytes':
        found = { ...found, bytesMax: String(write.bytesMax), bytesKey: keys.bytes, bytes: String(bytes) };
        break;
      case 'insert-extent':
      case 'delete-extents':
      case 'use-parts':
      case 'free-parts':
      case 'keep-recording':
      case 'publish-asset':
        break;
      default:
        unreachable(write);
    }
  }
  return found;
}
