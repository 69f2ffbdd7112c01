/** What tabs of one origin and owner tell each other. */
import type { QueueError, QueueItem } from './queue-item.ts';
import type { QueueMetrics } from './queue-snapshot.ts';

export const commandNames = ['pause', 'resume', 'retry', 'cancel', 'remove'] as const;
export type CommandName = (typeof commandNames)[number];

export type TabMessage =
  /** A tab came: send everything. */
  | { readonly kind: 'hello' }
  /** A tab leads from now on: offer it what only you have. */
  | { readonly kind: 'leading' }
  /** From the leader. `whole`: these are all there are. */
  | {
      readonly kind: 'state';
      readonly whole: boolean;
      readonly items: readonly QueueItem[];
      readonly removed: readonly string[];
      readonly metrics: QueueMetrics;
    }
  /** The record of an upload changed, or it is new; `blob` is its content if it is not stored yet. */
  | { readonly kind: 'changed'; readonly id: string; readonly blob: Blob | null }
  /** For the leader; it answers with `done`. */
  | { readonly kind: 'command'; readonly key: string; readonly id: string; readonly name: CommandName }
  | { readonly kind: 'done'; readonly key: string; readonly error: QueueError | null }
  /** Everything was wiped that had begun until then, in ms since the epoch; `ids`: as far as it was stored. */
  | { readonly kind: 'cleared'; readonly ids: readonly string[]; readonly at: number };

export interface TabChannel {
  /** To all other tabs; to nobody once it is closed. */
  post(message: TabMessage): void;
  close(): void;
}

/** Of the tabs that share a queue. */
export function scopeOf(databaseName: string, owner: string): string {
  return `${databaseName}:${owner}`;
}

export function openTabChannel(name: string, onMessage: (message: TabMessage) => void): TabChannel {
  if (typeof BroadcastChannel === 'undefined') return { post: () => {}, close: () => {} };
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => onMessage(data);
  let closed = false;
  return {
    post: (message) => {
      if (!closed) channel.postMessage(message);
    },
    close: () => {
      closed = true;
      channel.close();
    },
  };
}
