/** The list as one tab shows it, whoever works on it: takes changes, tells of them. */
import type { Runtime } from '../runtime.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import { countActive } from './compose-item.ts';
import type { QueueItem } from './queue-item.ts';
import type { QueueMetrics, QueueRole, QueueSnapshot, QueueStorage } from './queue-snapshot.ts';
import type { QueueEventName, QueueEvents } from './upload-queue.ts';

type Listener = (value: QueueEvents[QueueEventName]) => void;

export const noMetrics: QueueMetrics = Object.freeze({
  ...{ total: 0, completed: 0, failed: 0, active: 0, averageSpeed: null, bytes: 0 },
  ...{ successRate: null, averageRetries: null },
});

export class QueueView {
  readonly store: SnapshotStore<QueueSnapshot>;
  readonly #items = new Map<string, QueueItem>();
  readonly #listeners = new Map<QueueEventName, Set<Listener>>();
  #list: readonly QueueItem[] | null = [];
  #metrics: QueueMetrics = noMetrics;
  #storage: QueueStorage = { kind: 'indexeddb', reason: null, persisted: null };
  #role: QueueRole = 'starting';
  #ready = false;

  constructor(runtime: Runtime) {
    this.store = new SnapshotStore(runtime, () => this.#compose());
    this.store.subscribe(() => this.#emit('queue-changed', this.store.value));
  }

  get(id: string): QueueItem | undefined {
    return this.#items.get(id);
  }

  get items(): Iterable<QueueItem> {
    return this.#items.values();
  }

  get metrics(): QueueMetrics {
    // Uploads change more often than sums do.
    const active = countActive(this.#items.values());
    if (this.#metrics.active !== active) this.#metrics = Object.freeze({ ...this.#metrics, active });
    return this.#metrics;
  }

  get storage(): QueueStorage {
    return this.#storage;
  }

  on<K extends QueueEventName>(event: K, listener: (value: QueueEvents[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>();
    this.#listeners.set(event, listeners);
    // Each event has one type of value; the map cannot say so.
    listeners.add(listener as Listener);
    return () => void listeners.delete(listener as Listener);
  }

  /** An upload is now so. */
  put(item: QueueItem): void {
    const before = this.#items.get(item.id);
    this.#items.set(item.id, item);
    this.#list = null;
    this.store.touch();
    for (const event of eventsBetween(before, item)) this.#emit(event, item);
  }

  drop(id: string): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    this.#items.delete(id);
    this.#list = null;
    this.store.touch();
    this.#emit('upload-removed', item);
  }

  /** What is known at the start: shown, not told as news. */
  adopt(items: readonly QueueItem[]): void {
    for (const item of items) this.#items.set(item.id, item);
    this.#list = null;
    this.#ready = true;
    this.store.flush();
  }

  setMetrics(metrics: QueueMetrics): void {
    this.#metrics = metrics;
    this.store.touch();
  }

  setRole(role: QueueRole): void {
    if (this.#role === role) return;
    this.#role = role;
    this.store.flush();
  }

  setStorage(storage: QueueStorage): void {
    const degraded = storage.kind === 'memory' && this.#storage.kind !== 'memory';
    this.#storage = storage;
    this.store.flush();
    if (degraded) this.#emit('storage-degraded', storage);
  }

  #emit<K extends QueueEventName>(event: K, value: QueueEvents[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        // Theirs to mend; the upload goes on.
        globalThis.reportError?.(error);
      }
    }
  }

  #compose(): QueueSnapshot {
    this.#list ??= Object.freeze([...this.#items.values()].sort((a, b) => a.createdAt - b.createdAt));
    return Object.freeze({
      items: this.#list,
      metrics: this.metrics,
      storage: this.#storage,
      role: this.#role,
      ready: this.#ready,
    });
  }
}

/** What happened between two looks at an upload. Pure. */
export function eventsBetween(before: QueueItem | undefined, after: QueueItem): readonly ItemEvent[] {
  const events: ItemEvent[] = [];
  if (before === undefined) events.push('upload-added');
  else if (after.retries > before.retries) events.push('upload-retrying');
  const was = before?.status ?? null;
  if (was === after.status) {
    if (before !== undefined && showsProgress(before, after)) events.push('upload-progress');
    return events;
  }
  if (after.status === 'uploading' && (was === null || was === 'queued')) events.push('upload-started');
  if (was === 'paused' && !ends.has(after.status)) events.push('upload-resumed');
  const end = ends.get(after.status);
  if (end !== undefined) events.push(end);
  else if (before !== undefined && showsProgress(before, after)) events.push('upload-progress');
  return events;
}

type ItemEvent = Exclude<QueueEventName, 'queue-changed' | 'storage-degraded'>;

const ends: ReadonlyMap<QueueItem['status'], ItemEvent> = new Map<QueueItem['status'], ItemEvent>([
  ['paused', 'upload-paused'],
  ['needs-reselect', 'needs-reselect'],
  ['failed', 'upload-failed'],
  ['completed', 'upload-completed'],
  ['cancelled', 'upload-cancelled'],
]);

function showsProgress(before: QueueItem, after: QueueItem): boolean {
  return (
    before.progress !== after.progress ||
    before.bytesAcknowledged !== after.bytesAcknowledged ||
    before.preparation !== after.preparation ||
    before.bytesPerSecond !== after.bytesPerSecond ||
    before.etaSeconds !== after.etaSeconds ||
    before.bytesChecked !== after.bytesChecked
  );
}
