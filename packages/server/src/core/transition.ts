/**
 * The rules of an upload: one pure function from (facts, stored extent, command, time) to a decision.
 *
 *     receiving ⇄ paused          pause, resume
 *     receiving → validating      the record or append that reaches the size, `declare-length` that tells it last, `seal` for an empty file,
 *                                 `join` when all parts of a final upload are whole; grants the lease, raises the fence
 *     validating → assembling     verified: the digest is as expected
 *     validating → receiving      drop: stored bytes were found damaged
 *     validating → failed         verified: the digest is not as expected
 *     assembling → completed      placed: publishes the asset and starts its runs, in the same transaction
 *     validating, assembling      claim: another holder takes over after the lease ended; raises the fence
 *     receiving, paused → expired expire
 *     receiving, paused → failed  refuse: the first bytes are of a type that is not taken
 *     receiving, paused, validating → cancelled
 *     receiving → cancelled       take: the bytes of a partial upload go over into its final one
 *     receiving                   seize: another process takes over the right to append from one that is gone; raises the fence
 *     receiving, paused           distrust-writers: a chunk's place is taken over from a process that seems to be gone
 *     receiving, paused           distrust-bytes: a sync of its bytes has failed
 *     validating, assembling → validating  the same; raises the fence: what was verified of those bytes does not count
 *
 * Invariants, asserted after each transition: receivedBytes is between 0 and size; it equals size in validating, assembling and
 * completed; the fence and the event counter never fall; a final phase is never left; a command of a lease holder with an old
 * fence is rejected with `lease-lost`.
 */

import { append, declareLength, seize } from './appending-rules.ts';
import type { Command } from './command.ts';
import { join, prolong, take } from './concatenation-rules.ts';
import { invariant, unreachable } from './errors.ts';
import { claim, distrustBytes, fail, placed, renew, verified } from './finishing-rules.ts';
import type { Decision } from './ports/upload-store.ts';
import {
  cancel,
  distrustWriters,
  drop,
  expire,
  pause,
  record,
  refuse,
  resume,
  seal,
  withdraw,
} from './receiving-rules.ts';
import { type Extent, finalPhases, type Millis, type Upload } from './upload.ts';

/** Decides what a command does to an upload. `extent` is the one stored at the offset in question, null if none. */
export function transition(upload: Upload, extent: Extent | null, command: Command, now: Millis): Decision {
  const decision = freeingParts(upload, decide(upload, extent, command, now));
  if (decision.kind === 'accept') assertInvariants(upload, decision.next);
  return decision;
}

/** Whatever ends a final upload, its parts are used by one less from then on. */
function freeingParts(before: Upload, decision: Decision): Decision {
  if (decision.kind === 'reject' || before.concatenation.role !== 'final') return decision;
  const ends = isFinal(decision.next) && !isFinal(before);
  if (!ends) return decision;
  return { ...decision, writes: [...decision.writes, { type: 'free-parts', parts: before.concatenation.parts }] };
}

function isFinal(upload: Upload): boolean {
  return finalPhases.some((name) => name === upload.phase.name);
}

function decide(upload: Upload, extent: Extent | null, command: Command, now: Millis): Decision {
  switch (command.type) {
    case 'record':
      return record(upload, extent, command, now);
    case 'append':
      return append(upload, extent, command, now);
    case 'seize':
      return seize(upload, now);
    case 'declare-length':
      return declareLength(upload, command, now);
    case 'join':
      return join(upload, command, now);
    case 'prolong':
      return prolong(upload, command.until);
    case 'take':
      return take(upload, now);
    case 'seal':
      return seal(upload, command.lease, now);
    case 'pause':
      return pause(upload, now);
    case 'resume':
      return resume(upload, command.ttlMs, now);
    case 'cancel':
      return cancel(upload, now);
    case 'refuse':
      return refuse(upload, command, now);
    case 'withdraw':
      return withdraw(upload, now);
    case 'expire':
      return expire(upload, now);
    case 'drop':
      return drop(upload, extent, command, now);
    case 'distrust-writers':
      return distrustWriters(upload, now);
    case 'distrust-bytes':
      return distrustBytes(upload, command.fence, now);
    case 'claim':
      return claim(upload, command, now);
    case 'renew':
      return renew(upload, command.fence, command.until, now);
    case 'verified':
      return verified(upload, command, now);
    case 'placed':
      return placed(upload, command, now);
    case 'fail':
      return fail(upload, command, now);
    default:
      return unreachable(command);
  }
}

function assertInvariants(before: Upload, after: Upload): void {
  if (before === after) return;
  const whole =
    after.phase.name === 'validating' || after.phase.name === 'assembling' || after.phase.name === 'completed';
  invariant(after.receivedBytes >= 0 && after.receivedExtents >= 0, 'counters are not negative');
  invariant(after.size === null || after.receivedBytes <= after.size, 'no more bytes than the file has');
  invariant(!whole || after.receivedBytes === after.size, `${after.phase.name} means that every byte is here`);
  invariant(after.fence >= before.fence && after.lastEvent >= before.lastEvent, 'fence and event counter never fall');
  invariant(!isFinal(before) || after.phase === before.phase, 'a final phase is never left');
}
