/** Tells the tabs that follow what changed: gathered, 4 times a second. */
import type { Runtime } from '../runtime.ts';
import type { QueueItem } from './queue-item.ts';
import type { QueueMetrics } from './queue-snapshot.ts';
import type { TabChannel } from './tab-channel.ts';

const gatherMs = 250;

export interface StateSenderOptions {
  readonly channel: TabChannel;
  readonly runtime: Runtime;
  readonly item: (id: string) => QueueItem | undefined;
  readonly items: () => Iterable<QueueItem>;
  readonly metrics: () => QueueMetrics;
}

export class StateSender {
  readonly #options: StateSenderOptions;
  readonly #changed = new Set<string>();
  #whole = false;
  #cancelTimer: (() => void) | null = null;

  constructor(options: StateSenderOptions) {
    this.#options = options;
  }

  /** An upload changed or is gone. */
  changed(id: string): void {
    this.#changed.add(id);
    this.#schedule();
  }

  /** Somebody needs everything. */
  everything(): void {
    this.#whole = true;
    this.#schedule();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#options.runtime.after(gatherMs, () => this.#send());
  }

  #send(): void {
    this.#cancelTimer = null;
    const { channel, item, items, metrics } = this.#options;
    const ids = [...this.#changed];
    this.#changed.clear();
    const whole = this.#whole;
    this.#whole = false;
    const present = whole ? [...items()] : ids.flatMap((id) => item(id) ?? []);
    const removed = ids.filter((id) => item(id) === undefined);
    channel.post({ kind: 'state', whole, items: present, removed, metrics: metrics() });
  }
}
