/** What a scan makes of one file: what is written down, whether it can be taken, and when to look again. Pure. */
import type { Millis } from '../core/upload.ts';
import {
  type FileFacts,
  mayTry,
  sameContent,
  sameFacts,
  settlesIn,
  type WatchedFile,
  type WatchedKey,
} from '../core/watch.ts';

export interface Judgement {
  /** The new record, when it differs. */
  readonly save: WatchedFile | null;
  /** Only its facts differ, or that it is there again. What becomes of it meanwhile is written by others. */
  readonly refresh: WatchedFile | null;
  /** It can be taken now. */
  readonly ready: boolean;
  /** Milliseconds after which it may be; null: the next change or scan tells. */
  readonly dueInMs: Millis | null;
}

export interface JudgeTime {
  readonly now: Millis;
  readonly uptime: { readonly now: number; readonly boot: string };
  readonly settleMs: Millis;
}

const leave: Judgement = { save: null, refresh: null, ready: false, dueInMs: null };

export function judge(key: WatchedKey, known: WatchedFile | null, facts: FileFacts, time: JudgeTime): Judgement {
  if (known === null || (known.missing && !(sameContent(known.facts, facts) && known.movedTo === null)))
    return begin(key, facts, time);
  // What is being moved is looked after elsewhere, whatever is in its place.
  if (known.state === 'moving') return leave;
  const back = known.missing ? { ...known, missing: false } : known;
  if (!sameFacts(known.facts, facts)) {
    if (known.state === 'waiting' || !sameContent(known.facts, facts)) return begin(key, facts, time);
    // Renamed here, or its mode or links changed: the same bytes.
    return { ...leave, refresh: { ...back, facts } };
  }
  if (known.state !== 'waiting') return known.missing ? { ...leave, refresh: back } : leave;
  const save = known.missing ? back : null;
  if (facts.size === 0) return { ...leave, save };
  const quiet = settlesIn(known, time.uptime, time.settleMs);
  const wait = mayTry(known, time.now) ? 0 : known.notBefore - time.now;
  const dueInMs = Math.max(quiet, wait, 0);
  // Of another boot: it has to be still again, counted from now.
  const restarted =
    known.boot === time.uptime.boot ? save : { ...back, quietSince: time.uptime.now, boot: time.uptime.boot };
  return { ...leave, save: restarted, ready: dueInMs === 0, dueInMs: dueInMs === 0 ? null : dueInMs };
}

/** New, or not what it was: it has to be still from now on. */
function begin(key: WatchedKey, facts: FileFacts, { now, uptime, settleMs }: JudgeTime): Judgement {
  const file: WatchedFile = {
    ...key,
    facts,
    state: 'waiting',
    reason: facts.size === 0 ? 'it is empty' : 'it has to be still for a while',
    quietSince: uptime.now,
    boot: uptime.boot,
    attempts: 0,
    notBefore: 0,
    seenAt: now,
    sha256: null,
    takenAt: null,
    outcome: null,
    endedAt: null,
    movedTo: null,
    missing: false,
  };
  return { ...leave, save: file, dueInMs: facts.size === 0 ? null : settleMs };
}
