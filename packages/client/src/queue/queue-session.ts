/**
 * One stretch of a queue in a tab, from `start` to `close`: opens the storage, shows what is there, follows the tab that leads, and leads
 * when its turn comes.
 */
import type { Runtime } from '../runtime.ts';
import type { UploadClient } from '../upload-client.ts';
import { askToPersist } from './browser-room.ts';
import { composeItem, composeMetrics, errorFacts } from './compose-item.ts';
import { ContentKeeper } from './content-keeper.ts';
import { type FollowedOptions, showFollowed } from './followed-state.ts';
import { removeLate, sweepOld } from './leftovers.ts';
import { loadPatiently } from './load-patiently.ts';
import type { QueueError, QueueItem } from './queue-item.ts';
import { emptyTally, type TallyRow, type UploadRow } from './queue-row.ts';
import { QueueRunner } from './queue-runner.ts';
import type { StoredQueue } from './queue-store.ts';
import type { QueueView } from './queue-view.ts';
import { SentCommands } from './sent-commands.ts';
import { StateSender } from './state-sender.ts';
import { openStorage, type SwitchedStorage } from './storage-switch.ts';
import { type CommandName, openTabChannel, scopeOf, type TabChannel, type TabMessage } from './tab-channel.ts';
import { type TabLocks, tabLocks } from './tab-locks.ts';

export interface SessionOptions {
  readonly client: UploadClient;
  readonly runtime: Runtime;
  readonly view: QueueView;
  readonly databaseName: string;
  readonly owner: string;
  readonly endpoint: string;
  readonly activeMax: number;
  readonly keepFinishedMs: number;
  readonly expireAfterMs: number;
  readonly newId: () => string;
}

export class QueueSession {
  readonly storage: SwitchedStorage;
  readonly locks: TabLocks;
  readonly keeper: ContentKeeper;
  readonly #options: SessionOptions;
  readonly #closed = new AbortController();
  readonly #channel: TabChannel;
  readonly #commands: SentCommands;
  readonly #sender: StateSender;
  #runner: QueueRunner | null = null;
  #leading: Promise<void> = Promise.resolve();
  #askedToPersist = false;
  #adding = new AbortController();
  #tally: TallyRow;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { databaseName, owner, runtime, view, newId } = options;
    const scope = scopeOf(databaseName, owner);
    this.#tally = emptyTally(owner);
    this.storage = openStorage({
      databaseName,
      known: () => ({ rows: this.#runner?.rows ?? [], tally: this.#runner?.tally ?? this.#tally }),
      onDegraded: (reason) => view.setStorage({ kind: 'memory', reason, persisted: null }),
    });
    this.locks = tabLocks({ scope, storage: this.storage, runtime, tabId: newId() });
    this.#channel = openTabChannel(scope, (message) => this.#heard(message));
    this.#commands = new SentCommands(this.#channel, newId);
    this.#sender = new StateSender({
      channel: this.#channel,
      runtime,
      item: (id) => view.get(id),
      items: () => view.items,
      metrics: () => view.metrics,
    });
    this.keeper = new ContentKeeper({
      storage: this.storage,
      runtime,
      locks: this.locks,
      signal: this.#closed.signal,
      isDurable: () => view.storage.kind === 'indexeddb',
      announce: (id, blob) => this.announce(id, blob),
    });
  }

  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** Aborts when everything is wiped: what is on its way into the queue goes with it. */
  get adding(): AbortSignal {
    return this.#adding.signal;
  }

  /** Resolves when what is stored was read; leading comes in its time. */
  async open(): Promise<void> {
    const { view, owner } = this.#options;
    const stored = await this.storage.use((store) => store.load(owner));
    this.#showTally(stored.tally);
    view.adopt(stored.rows.map((row) => composeItem(row, this.#stored(row, stored))));
    view.setRole('follower');
    this.#channel.post({ kind: 'hello' });
    this.#leading = this.#lead().catch(() => {
      // Closed before its turn came.
    });
    if (view.storage.kind === 'memory') await this.#leading;
  }

  /** A record is new or changed here. */
  async announce(id: string, blob: Blob | null): Promise<void> {
    if (this.#runner !== null) return this.#runner.changed(id, blob);
    const row = await this.storage.use((store) => store.row(id));
    const { view, endpoint } = this.#options;
    const shown = view.get(id);
    // The tab that leads knows how far it is; here only where its bytes are is news.
    const known = shown !== undefined && row?.status === 'queued' && shown.status !== 'needs-reselect';
    if (known) view.put(Object.freeze({ ...shown, keeping: row.keeping }));
    else if (row !== undefined) view.put(composeItem(row, { endpoint }));
    this.#channel.post({ kind: 'changed', id, blob });
  }

  command(name: CommandName, id: string): Promise<void> {
    return this.#runner === null ? this.#commands.send(name, id) : this.#runner.command(name, id);
  }

  /** Once, when there is something to keep. */
  persist(): void {
    const { view } = this.#options;
    if (this.#askedToPersist || view.storage.kind === 'memory') return;
    this.#askedToPersist = true;
    void askToPersist().then((persisted) => view.setStorage({ ...view.storage, persisted }));
  }

  async clear(owner: string): Promise<void> {
    // What is stored from now on is taken away by whoever stores it.
    if (owner === this.#options.owner) this.#stopAdding();
    const ids = await this.storage.use((store) => store.clear(owner));
    const at = this.#options.runtime.now();
    if (owner === this.#options.owner) {
      this.#wiped(ids);
      this.#channel.post({ kind: 'cleared', ids, at });
      return;
    }
    const theirs = openTabChannel(scopeOf(this.#options.databaseName, owner), () => {});
    theirs.post({ kind: 'cleared', ids, at });
    theirs.close();
  }

  /** This tab may have stored something since, and sends it if it leads. */
  async #wipeLate(at: number): Promise<void> {
    for (const id of await removeLate(this.storage, { owner: this.#options.owner, at })) {
      this.#gone(id);
      await this.announce(id, null);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#sender.stop();
    await this.#leading;
    await this.#runner?.close();
    this.#runner = null;
    this.#commands.close();
    this.keeper.close();
    this.#channel.close();
    this.storage.close();
    this.#options.view.setRole('starting');
  }

  async #lead(): Promise<void> {
    const { view } = this.#options;
    // In memory nothing is shared: every tab is on its own.
    if (view.storage.kind === 'indexeddb') {
      await this.locks.lead(this.signal, () => {
        this.#leading = this.#leading.then(() => this.#follow()).catch(() => {});
      });
    }
    // It only tidies up; there may be no room even for that.
    await sweepOld(this.storage, this.#options).catch(() => {});
    const stored = await loadPatiently(this.storage, { ...this.#options, signal: this.signal });
    this.signal.throwIfAborted();
    const known = new Set(stored.rows.map((row) => row.id));
    for (const { id } of [...view.items]) if (!known.has(id)) view.drop(id);
    this.#runner = new QueueRunner(stored, {
      ...this.#options,
      storage: this.storage,
      locks: this.locks,
      onItem: (item) => {
        view.put(item);
        this.#sender.changed(item.id);
        this.#letGo(item);
      },
      onRemoved: (id) => {
        view.drop(id);
        this.keeper.letGo(id);
        this.#sender.changed(id);
      },
      onTally: (tally) => this.#showTally(tally),
    });
    view.setRole('leader');
    this.#channel.post({ kind: 'leading' });
    this.#sender.everything();
    await this.keeper.offerAll().catch(() => {});
    const runner = this.#runner;
    await this.#commands.takeOver((name, id) => runner.command(name, id));
  }

  /** Another tab leads, because this one slept for too long. */
  async #follow(): Promise<void> {
    const runner = this.#runner;
    this.signal.throwIfAborted();
    this.#runner = null;
    this.#options.view.setRole('follower');
    this.#sender.stop();
    await runner?.close();
    this.#channel.post({ kind: 'hello' });
    await this.keeper.offerAll();
    await this.#lead();
  }

  #heard(message: TabMessage): void {
    const runner = this.#runner;
    switch (message.kind) {
      case 'hello':
        if (runner !== null) this.#sender.everything();
        break;
      case 'leading':
        this.#commands.sendAgain();
        void this.keeper.offerAll().catch(() => {});
        break;
      case 'state':
        if (runner === null) void showFollowed(message, this.#followed).catch(() => {});
        break;
      case 'changed':
        void runner?.changed(message.id, message.blob).catch(() => {});
        break;
      case 'command': {
        const { key, name, id } = message;
        // Whoever leads next is told again: it may have read the record before we write it.
        if (this.signal.aborted) break;
        const over = (error: QueueError | null) => {
          if (!this.signal.aborted) this.#channel.post({ kind: 'done', key, error });
        };
        void runner?.command(name, id).then(
          () => over(null),
          (cause) => over(errorFacts(cause)),
        );
        break;
      }
      case 'done':
        this.#commands.done(message.key, message.error);
        break;
      case 'cleared':
        this.#stopAdding();
        this.#wiped(message.ids);
        void this.#wipeLate(message.at).catch(() => {});
        break;
      default:
        message satisfies never;
    }
  }

  get #followed(): FollowedOptions {
    const { view } = this.#options;
    return { view, storage: this.storage, shown: (item) => this.#letGo(item), gone: (id) => this.#gone(id) };
  }

  #stopAdding(): void {
    this.#adding.abort();
    this.#adding = new AbortController();
    const { view } = this.#options;
    for (const { id, status } of [...view.items]) if (status === 'preparing') view.drop(id);
  }

  #wiped(ids: readonly string[]): void {
    if (this.#runner === null) this.#showTally(emptyTally(this.#options.owner));
    else this.#runner.wiped(ids);
    for (const id of ids) this.#gone(id);
  }

  #gone(id: string): void {
    this.keeper.letGo(id);
    this.#options.view.drop(id);
  }

  /** Bytes of no use any more: the upload is over, or they cannot be read. Whoever brings them again has to get their lock. */
  #letGo({ id, keeping }: QueueItem): void {
    if (keeping === 'released') this.keeper.letGo(id);
  }

  #showTally(tally: TallyRow): void {
    const { view } = this.#options;
    this.#tally = tally;
    view.setMetrics(composeMetrics(tally, view.metrics.active));
  }

  #stored(row: UploadRow, { chunks }: StoredQueue) {
    const own = chunks.filter((chunk) => chunk.uploadId === row.id);
    const acknowledgedBytes = own.reduce((sum, { start, end }) => sum + end - start, 0);
    return { acknowledgedBytes, acknowledgedChunks: own.length, endpoint: this.#options.endpoint };
  }
}
