/**
 * Looks after one folder: scans on the interval, soon after a change, and when a file may have become still; then deals with what has
 * ended. One timer, one scan at a time.
 *
 * idle → running (start) → stopped (stop). A round that fails (the database is away) is tried again; the folder says so meanwhile.
 */
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { Uptime } from '../core/ports/uptime.ts';
import type { FolderStatus, WatchObserver } from '../core/ports/watch-admin.ts';
import type { WatchStore } from '../core/ports/watch-store.ts';
import type { WatchFolder } from '../core/watch.ts';
import { ChangeHints } from './hints.ts';
import { fileSystemOf, isNetwork } from './mounts.ts';
import type { Outcomes } from './outcomes.ts';
import { type Scan, Scanner } from './scan.ts';
import type { TakeQueue } from './take-queue.ts';

export interface FolderWatchParts {
  readonly folder: WatchFolder;
  readonly store: WatchStore;
  readonly queue: TakeQueue;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  readonly uptime: Uptime;
  readonly log: Log;
  readonly observer: WatchObserver;
  readonly skip: ReadonlySet<string>;
  /** False once this node may not act in the folder any more, although nobody has told it to stop yet. */
  isMine(): boolean;
}

/** A change is followed by others: one scan for all of them. */
const changeMs = 100;
/** Scans after changes take at most a fifth of the time. */
const restFactor = 4;
const retryMs = 5_000;
const settleSoonMs = 100;
/** When to look whether it is this node's turn again. */
const turnMs = 1_000;

export class FolderWatch {
  readonly folder: WatchFolder;
  readonly #parts: FolderWatchParts;
  #hints: ChangeHints | null = null;
  #noticesReason: string | null = null;
  #last: Scan | null = null;
  #scannedAt: number | null = null;
  #scanMs = 0;
  #failure: string | null = null;
  #stopped = false;
  #round: Promise<void> | null = null;
  #cancel: () => void = () => {};
  /** Uptime at which the next scan is due; the timer is set for it. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Somebody asked for a scan that has not begun. */
  #wanted = false;
  #settling: Promise<void> | null = null;
  #settleAgain = false;
  /** What has ended is being dealt with, and not only waited for. */
  #settlesNow = false;
  /** Ends the pause before the next time. */
  #goOn: () => void = () => {};
  /** Scans that have begun, and how far the finished ones got. */
  #begun = 0;
  #finished = 0;

  constructor(parts: FolderWatchParts) {
    this.folder = parts.folder;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const type = await fileSystemOf(this.folder.path);
    if (type !== null && isNetwork(type)) this.#noticesReason = `it is on a network file system (${type})`;
    else this.#hints = new ChangeHints(() => this.request(changeMs));
    this.request(0);
  }

  /** A scan within `ms`, sooner if one is due sooner; later where scans would follow each other too closely. */
  request(ms: number): void {
    if (this.#stopped) return;
    const { uptime, clock } = this.#parts;
    this.#wanted = true;
    const at = uptime.now() + ms;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    if (this.#round) return;
    this.#cancel();
    this.#cancel = clock.after(ms, () => this.#begin());
  }

  /** Resolves after a scan that began after this call. */
  async scanned(): Promise<void> {
    const wanted = this.#begun + 1;
    this.request(0);
    while (!this.#stopped && this.#finished < wanted) {
      if (this.#round) await this.#round;
      else await new Promise<void>((resolve) => this.#parts.clock.after(5, resolve));
    }
  }

  /** Runs may have ended: deals with them shortly. Cheap. */
  settleSoon(): void {
    if (this.#stopped) return;
    this.#settleAgain = true;
    this.#settling ??= this.#settleAll().finally(() => {
      this.#settling = null;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    this.#hints?.close();
    // Its timer keeps no process alive that waits for this.
    this.#goOn();
    await this.#round;
    await this.#settling;
  }

  /** Whether there is nothing that could be done now, as far as the last scan saw. */
  async isQuiet(): Promise<boolean> {
    const { store, queue } = this.#parts;
    if (this.#wanted || this.#round || this.#settlesNow || queue.busyIn(this.folder.id) > 0) return false;
    if (this.#last === null || this.#last.more) return false;
    if (this.#last.state !== 'watching') return true;
    const counts = await store.counts(this.folder.id);
    if (counts.taken > 0 || counts.ended + counts.moving > this.#parts.outcomes.stuck) return false;
    const open = await store.list(this.folder.id, ['waiting'], 1_000);
    return !open.some((file) => file.notBefore === 0 && file.facts.size > 0);
  }

  async status(): Promise<FolderStatus> {
    const { store, queue, outcomes } = this.#parts;
    const problem = this.#hints?.problem ?? this.#noticesReason;
    const taking = queue.taking(this.folder.id).map(({ path, size, bytes }) => ({ path, size, bytes }));
    return {
      folder: this.folder,
      state: this.#failure !== null ? 'failing' : (this.#last?.state ?? 'starting'),
      reason: this.#failure ?? this.#last?.reason ?? null,
      notices: problem === null ? 'changes' : 'interval',
      noticesReason: problem,
      scannedAt: this.#scannedAt,
      scanMs: this.#scannedAt === null ? null : this.#scanMs,
      files: this.#last?.files ?? 0,
      counts: await store.counts(this.folder.id),
      taking,
      problems: [...(this.#last?.unreadable ?? []), ...outcomes.problems],
    };
  }

  /** Nothing more is to be done here. */
  #isOver(): boolean {
    return this.#stopped || !this.#parts.isMine();
  }

  #begin(): void {
    if (this.#stopped || this.#round) return;
    // The lease may only be late: if nobody else took the turn, nobody tells that it goes on.
    if (!this.#parts.isMine()) {
      this.#later(turnMs);
      return;
    }
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#wanted = false;
    this.#round = this.#scan().finally(() => {
      this.#round = null;
      this.#next();
    });
  }

  async #scan(): Promise<void> {
    const { uptime, clock, observer, queue } = this.#parts;
    this.#begun += 1;
    const started = uptime.now();
    try {
      const scan = await Scanner.run({
        ...this.#parts,
        isBusy: (key) => queue.isBusy(key),
        ready: (file) => queue.add(this.folder, file),
        stopped: () => this.#isOver(),
      });
      this.#tell(scan);
      this.#last = scan;
      this.#failure = null;
      const follows = !this.#isOver() && scan.state === 'watching' && this.#hints?.follow(scan.dirs) === true;
      // A scan that was asked for meanwhile may be due sooner.
      if (scan.dueInMs !== null) this.#dueAt = Math.min(this.#dueAt, uptime.now() + scan.dueInMs);
      // Not with every run that ends: a copy on another disk is compared in full each time.
      this.#parts.outcomes.tryAgain();
      this.settleSoon();
      // A file may have come after its directory was listed and before changes there were told.
      if (follows) this.request(changeMs);
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      this.#dueAt = uptime.now() + retryMs;
      this.#parts.log.error({ folder: this.folder.path, err: error }, 'a scan failed; trying again');
    }
    this.#finished += 1;
    this.#scanMs = uptime.now() - started;
    this.#scannedAt = clock.now();
    observer.scanned(this.folder, { files: this.#last?.files ?? 0, seconds: this.#scanMs / 1000 });
  }

  /** Sets the one timer. */
  #next(): void {
    if (this.#stopped) return;
    const wanted = Math.min(this.#dueAt - this.#parts.uptime.now(), this.folder.intervalMs);
    this.#later(Math.max(wanted, Math.min(this.#scanMs * restFactor, this.folder.intervalMs), 0));
  }

  #later(ms: number): void {
    const { uptime, clock } = this.#parts;
    this.#dueAt = uptime.now() + ms;
    this.#cancel();
    this.#cancel = clock.after(ms, () => this.#begin());
  }

  /** Says once when the folder's state changes. */
  #tell({ state, reason, files }: Scan): void {
    const { log } = this.#parts;
    if (this.#last?.state === state && this.#last.reason === reason) return;
    const facts = { folder: this.folder.path, state, reason, files };
    if (state === 'watching') log.info(facts, 'folder is watched');
    else log.warn(facts, `folder is ${state}: ${reason}`);
  }

  async #settleAll(): Promise<void> {
    const { outcomes, clock, log } = this.#parts;
    while (this.#settleAgain && !this.#isOver()) {
      this.#settleAgain = false;
      this.#settlesNow = true;
      try {
        await outcomes.settle(() => this.#isOver());
      } catch (error) {
        log.error({ folder: this.folder.path, err: error }, 'outcomes could not be dealt with; trying again');
      }
      this.#settlesNow = false;
      // Runs end one after the other.
      if (!this.#stopped) await this.#pause(clock);
    }
  }

  #pause(clock: Clock): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(settleSoonMs, resolve);
      this.#goOn = () => {
        cancel();
        resolve();
      };
    });
  }
}
