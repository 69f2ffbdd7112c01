/** One command on one upload through the store. */

import type { Command } from '../core/command.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Decision, UploadStore } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Millis, Upload } from '../core/upload.ts';
import type { Caller } from './caller.ts';

export interface Order {
  readonly id: string;
  readonly command: Command;
  readonly now: Millis;
  /** Offset of the extent that the command is about. */
  readonly extentAt?: number | 'last';
}

/** The decision, made durable. Throws `upload-not-found`; a rejection is returned. */
export async function decideOn(
  store: UploadStore,
  order: Order,
  review: (decision: Decision) => Decision = (decision) => decision,
): Promise<Decision> {
  const rule = (upload: Upload, extent: Parameters<typeof transition>[1]) =>
    review(transition(upload, extent, order.command, order.now));
  const decision = await store.decide(order.id, order.extentAt ?? null, rule);
  if (!decision) throw notFound(order.id);
  return decision;
}

/**
 * The decision as `decideOn` makes it, but one that completes the upload is only made after `confirm`: whoever completes it has to be
 * allowed to at that moment. Rejects with what `confirm` rejects with; then nothing has changed and the bytes can be sent again.
 */
export async function decideConfirmed(store: UploadStore, order: Order, confirm: Caller['confirm']): Promise<Decision> {
  if (!confirm) return await decideOn(store, order);
  const unconfirmed = new HoldfastError('internal', 'Completion has to be confirmed first.');
  const careful = await decideOn(store, order, (decision) =>
    decision.kind === 'accept' && decision.next.phase.name === 'validating'
      ? { kind: 'reject', error: unconfirmed }
      : decision,
  );
  if (careful.kind !== 'reject' || careful.error !== unconfirmed) return careful;
  await confirm();
  return await decideOn(store, order);
}

/** The upload as it is after the command. Throws the rejection's error. */
export async function apply(store: UploadStore, order: Order): Promise<Upload> {
  const decision = await decideOn(store, order);
  if (decision.kind === 'reject') throw decision.error;
  return decision.next;
}

export function notFound(id: string): HoldfastError {
  return new HoldfastError(
    'upload-not-found',
    `There is no upload ${id} here. It may have been purged, or belongs to someone else.`,
    { details: { uploadId: id } },
  );
}
