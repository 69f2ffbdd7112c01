/** One command on one upload through the store. */

import type { Command } from '../core/command.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Decision, UploadStore } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Millis, Upload } from '../core/upload.ts';

export interface Order {
  readonly id: string;
  readonly command: Command;
  readonly now: Millis;
  /** Offset of the extent that the command is about. */
  readonly extentAt?: number | 'last';
}

/** The decision, made durable. Throws `upload-not-found`; a rejection is returned. */
export async function decideOn(store: UploadStore, order: Order): Promise<Decision> {
  const rule = (upload: Upload, extent: Parameters<typeof transition>[1]) =>
    transition(upload, extent, order.command, order.now);
  const decision = await store.decide(order.id, order.extentAt ?? null, rule);
  if (!decision) throw notFound(order.id);
  return decision;
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
