/** What the queue as a whole shows. Immutable; the same object until something changed (`useSyncExternalStore`). */
import type { QueueItem } from './queue-item.ts';

/** Of one owner, kept across restarts. */
export interface QueueMetrics {
  /** Ever added. */
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  /** Not over and not failed, now. */
  readonly active: number;
  /** Bytes per second over the time in which uploads were sent; null before the first one completed. */
  readonly averageSpeed: number | null;
  /** Bytes of completed uploads. */
  readonly bytes: number;
  /** completed / (completed + failed), 0 … 1; null before the first end. */
  readonly successRate: number | null;
  /** Retries per upload that ended; null before the first end. */
  readonly averageRetries: number | null;
}

export interface QueueStorage {
  /** memory: IndexedDB cannot be used; uploads live as long as the page. */
  readonly kind: 'indexeddb' | 'memory';
  /** Why it is memory: for people. */
  readonly reason: string | null;
  /** Whether the browser promised not to evict it; null when not asked yet, or it cannot say. */
  readonly persisted: boolean | null;
}

/** leader: this tab sends. follower: another tab does; commands are passed on to it. starting: not decided yet. */
export type QueueRole = 'starting' | 'leader' | 'follower';

export interface QueueSnapshot {
  /** Of this owner, in the order in which they were added. */
  readonly items: readonly QueueItem[];
  readonly metrics: QueueMetrics;
  readonly storage: QueueStorage;
  readonly role: QueueRole;
  /** Whether the stored uploads were read. */
  readonly ready: boolean;
}
