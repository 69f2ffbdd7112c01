/** Where an upload is listed, as a function of its facts: a decision changes the lists by the difference. */
import { finalPhases, livePhases, type Upload } from '../../core/upload.ts';
import { usesOf } from './facts.ts';
import type { Keys } from './keys.ts';

export interface IndexChanges {
  /** Key, score, member. Scores are text: Lua prints large numbers rounded. */
  readonly add: readonly (readonly [key: string, score: string, member: string])[];
  /** Key, member. */
  readonly remove: readonly (readonly [key: string, member: string])[];
  /** Key, field, by how much. */
  readonly count: readonly (readonly [key: string, field: string, by: string])[];
}

export function isLive(upload: Upload): boolean {
  return livePhases.some((name) => name === upload.phase.name);
}

export function isFinal(upload: Upload): boolean {
  return finalPhases.some((name) => name === upload.phase.name);
}

/** Whether time alone can end it: not while a final upload waits for it. */
export function canExpire(upload: Upload): boolean {
  return (upload.phase.name === 'receiving' || upload.phase.name === 'paused') && usesOf(upload) === 0;
}

export function isWaitingFinal(upload: Upload): boolean {
  return upload.concatenation.role === 'final' && upload.phase.name === 'receiving';
}

/** What it counts for against the limit of its principal, in bytes. */
export function liveBytes(upload: Upload): number {
  return isLive(upload) ? (upload.size ?? upload.receivedBytes) : 0;
}

/** The changes from one state of an upload to the next; null: it is not there. */
export function indexChanges(keys: Keys, before: Upload | null, after: Upload | null): IndexChanges {
  const id = (after ?? before)?.id ?? '';
  const from = before === null ? new Map<string, number>() : listings(keys, before);
  const to = after === null ? new Map<string, number>() : listings(keys, after);
  const counts =
    before?.phase.name === after?.phase.name ? [] : [...counted(keys, before, -1), ...counted(keys, after, 1)];
  const bytes = (after === null ? 0 : liveBytes(after)) - (before === null ? 0 : liveBytes(before));
  const principal = (after ?? before)?.principal ?? '';
  return {
    add: [...to].filter(([key, score]) => from.get(key) !== score).map(([key, score]) => [key, String(score), id]),
    remove: [...from.keys()].filter((key) => !to.has(key)).map((key) => [key, id]),
    count: bytes === 0 ? counts : [...counts, [keys.bytes, principal, String(bytes)] as const],
  };
}

function counted(keys: Keys, upload: Upload | null, by: 1 | -1): IndexChanges['count'] {
  return upload === null ? [] : [[keys.phases, upload.phase.name, String(by)]];
}

function listings(keys: Keys, upload: Upload): ReadonlyMap<string, number> {
  const { principal, phase, concatenation } = upload;
  const found = new Map([[keys.own(principal, phase.name), upload.createdAt]]);
  if (isLive(upload)) found.set(keys.live, 0);
  if (canExpire(upload)) found.set(keys.expiry, upload.expiresAt);
  if (phase.name === 'validating' || phase.name === 'assembling') {
    found.set(keys.leases, phase.lease.until);
    found.set(keys.holder(phase.lease.holder), 0);
  }
  if (isFinal(upload)) found.set(upload.storage === 'held' ? keys.held : keys.ended, upload.updatedAt);
  if (isWaitingFinal(upload)) found.set(keys.waiting, 0);
  if (concatenation.role === 'final' && (isLive(upload) || phase.name === 'completed'))
    found.set(keys.concat(principal, concatenation.parts), upload.createdAt);
  return found;
}
