/**
 * Compresses sound before it is sent, one file after the other: two at once would take twice as long each. What is here is only in this
 * page; the queue has it when it is done.
 */
import type { CompressionResult, EstimateGoal } from '@holdfast/client/audio';
import { messageOf } from '../api/api-error.ts';
import type { Lecture } from '../recording/lecture.ts';
import { createStore, type Watchable } from '../state/store.ts';
import type { Note, Outgoing } from '../uploads/upload-desk.ts';
import { compressedName } from './sound-choice.ts';

/** `@holdfast/client/audio`, loaded when it is wanted. */
export type Audio = Pick<typeof import('@holdfast/client/audio'), 'compress' | 'autoCompress' | 'estimateCompressions'>;

export interface Order {
  readonly file: File;
  readonly goal: EstimateGoal;
  readonly lecture: Lecture | null;
  /** Send the original too, after everything else. */
  readonly keepsOriginal: boolean;
}

/** waiting: another one is at work. */
export interface Piece {
  readonly id: number;
  readonly filename: string;
  readonly size: number;
  readonly state: 'waiting' | 'compressing';
  /** 0 … 1 */
  readonly fraction: number;
}

export interface Workshop {
  readonly pieces: Watchable<readonly Piece[]>;
  add(orders: readonly Order[]): void;
  /** Neither compressed nor sent. */
  cancel(id: number): void;
  /** The same with all of them, without a word: who wanted them has left. */
  clear(): void;
}

export interface WorkshopOptions {
  loadAudio(): Promise<Audio>;
  send(outgoing: Outgoing): Promise<void>;
  note(text: string, tone: Note['tone']): void;
  announce(text: string): void;
}

export function createWorkshop(options: WorkshopOptions): Workshop {
  const pieces = createStore<readonly Piece[]>([]);
  const orders = new Map<number, { readonly order: Order; readonly stop: AbortController }>();
  let last = 0;
  let busy = false;

  const change = (id: number, with_: Partial<Piece>) =>
    pieces.update((list) => list.map((piece) => (piece.id === id ? { ...piece, ...with_ } : piece)));
  const drop = (id: number) => {
    orders.delete(id);
    pieces.update((list) => list.filter((piece) => piece.id !== id));
  };

  const work = async () => {
    if (busy) return;
    busy = true;
    for (let next = pieces.getSnapshot()[0]; next !== undefined; next = pieces.getSnapshot()[0]) {
      const { id } = next;
      const given = orders.get(id);
      if (given !== undefined) {
        change(id, { state: 'compressing' });
        await make(given.order, {
          ...options,
          signal: given.stop.signal,
          onProgress: (fraction) => change(id, { fraction }),
        });
      }
      drop(id);
    }
    busy = false;
  };

  return {
    pieces,
    add(list) {
      for (const order of list) {
        last += 1;
        orders.set(last, { order, stop: new AbortController() });
        const { name, size } = order.file;
        const piece = { id: last, filename: name, size, state: 'waiting', fraction: 0 } as const;
        pieces.update((all) => [...all, piece]);
      }
      void work();
    },
    cancel(id) {
      const given = orders.get(id);
      given?.stop.abort();
      if (given !== undefined) options.announce(`${given.order.file.name} is cancelled.`);
      drop(id);
    },
    clear() {
      for (const { stop } of orders.values()) stop.abort();
      orders.clear();
      pieces.set([]);
    },
  };
}

interface Making extends WorkshopOptions {
  readonly signal: AbortSignal;
  onProgress(fraction: number): void;
}

/** Compresses and sends. Whatever goes wrong, the original is sent: that can always be done. */
async function make({ file, goal, lecture, keepsOriginal }: Order, making: Making): Promise<void> {
  const { signal, onProgress, loadAudio, send, note } = making;
  const original = { content: file, filename: file.name, lastModified: file.lastModified, lecture };
  let result: CompressionResult;
  try {
    const { compress, autoCompress } = await loadAudio();
    const options = { signal, onProgress };
    result =
      typeof goal === 'string'
        ? await compress(file, goal, options)
        : await autoCompress(file, goal.targetSizeMB, options);
  } catch (error) {
    if (signal.aborted) return;
    note(`${file.name} is sent as it is: ${messageOf(error)}`, 'calm');
    await send(original);
    return;
  }
  if (signal.aborted) return;
  if (result.skipped !== null) {
    note(`${file.name} is sent as it is: ${result.skipped.message}`, 'calm');
    await send(original);
    return;
  }
  for (const warning of result.warnings) note(`${file.name}: ${warning.message}`, 'calm');
  await send({
    // A Blob: nobody could select it again, so the queue keeps all of it until the server has verified it.
    ...{ content: result.blob, filename: compressedName(file.name), lastModified: file.lastModified, lecture },
    originalSize: file.size,
  });
  if (keepsOriginal && !signal.aborted) await send({ ...original, priority: 'low' });
}
