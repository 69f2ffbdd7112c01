/**
 * What follows when the runs of a taken file are over: the outcome is written down, the file is moved, results are put where people look
 * for them. Every step can be done again after a crash.
 */
import { HoldfastError } from '../core/errors.ts';
import { splitExtension } from '../core/filename.ts';
import type { RunWithSteps } from '../core/ledger.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { BytePath, FileIntake } from '../core/ports/file-intake.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { Log } from '../core/ports/log.ts';
import type { OutsideAsset, WatchStore } from '../core/ports/watch-store.ts';
import type { Sha256 } from '../core/upload.ts';
import type { WatchedFile, WatchFolder, WatchOutcome } from '../core/watch.ts';
import { parentOf, writeDurably } from './durable-files.ts';
import { moveFile } from './move-file.ts';
import { fitName, joinBytes, joinText, nameToText, pathIn, placeId, shownName, textToName } from './names.ts';
import type { ProcessedLog } from './processed-log.ts';
import { deliver, takeBack } from './results.ts';

export interface OutcomeParts {
  readonly store: WatchStore;
  readonly ledger: LedgerStore;
  readonly artifacts: Pick<ArtifactStore, 'localFile'>;
  readonly intake: FileIntake;
  readonly clock: Clock;
  readonly crash: CrashPoints;
  readonly log: Log;
  readonly processedLog: ProcessedLog | null;
  /** The bytes of an asset outside of the store have another path now. */
  outsideMoved(outside: OutsideAsset, path: BytePath): void;
  ended(folder: WatchFolder, file: WatchedFile, outcome: WatchOutcome, reason: string | null): void;
}

const batch = 100;
/** Files moved at once. */
const together = 8;

export class Outcomes {
  readonly #parts: OutcomeParts;
  readonly #folder: WatchFolder;
  /** Files whose move failed, by name: tried again when the folder is looked at next. */
  readonly #failed = new Map<string, string>();
  /** Those of them that are not tried before the folder is looked at next. */
  readonly #left = new Set<string>();
  /** Why lines are missing in the log of processed contents: written as soon as it can be. */
  #unlogged: string | null = null;

  constructor(folder: WatchFolder, parts: OutcomeParts) {
    this.#folder = folder;
    this.#parts = parts;
  }

  /** Why files cannot be moved, results not be delivered or lines not be logged. */
  get problems(): readonly string[] {
    return [...(this.#unlogged === null ? [] : [this.#unlogged]), ...this.#failed.values()];
  }

  /** Files that cannot be moved or whose results not be delivered. */
  get stuck(): number {
    return this.#left.size;
  }

  /** What could not be moved or delivered may be possible by now. */
  tryAgain(): void {
    this.#left.clear();
  }

  /** Deals with everything that has ended, except for what failed since `tryAgain`. Rejects when the database does not answer. */
  async settle(stopped: () => boolean): Promise<void> {
    const { store } = this.#parts;
    for (let full = true; full && !stopped(); ) {
      const files = await store.finished(this.#folder.id, batch);
      // Together: their commits share a sync.
      await Promise.all(files.map((file) => this.#end(file)));
      full = files.length === batch;
    }
    await this.#writeLines();
    for (let full = true; full && !stopped(); ) {
      const files = await store.unmoved(this.#folder.id, batch + this.#left.size);
      const open = files.filter((file) => !this.#left.has(joinText(file.dir, file.name)));
      for (let start = 0; start < open.length && !stopped(); start += together)
        await Promise.all(open.slice(start, start + together).map((file) => this.#finish(file)));
      full = open.length >= batch;
    }
    // Told until it has worked, or nobody waits for it any more.
    for (const name of this.#failed.keys()) if (!this.#left.has(name)) this.#failed.delete(name);
  }

  async #end(file: WatchedFile): Promise<void> {
    const { store, ledger, clock, crash } = this.#parts;
    if (file.sha256 === null) return;
    const { outcome, reason } = outcomeOf(await ledger.runsOf(file.sha256));
    if (!(await store.end(file, { outcome, reason, state: 'ended', now: clock.now() }))) return;
    crash('watch:after-outcome');
    this.#parts.ended(this.#folder, file, outcome, reason);
  }

  /** What has ended is moved and delivered also while its line cannot be written (a full disk, a directory that is away). */
  async #writeLines(): Promise<void> {
    const { processedLog, log } = this.#parts;
    try {
      await processedLog?.append();
      this.#unlogged = null;
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      this.#unlogged = `the log of processed contents cannot be written: ${why}`;
      log.error({ folder: this.#folder.path, err: error }, `${this.#unlogged}; trying again`);
    }
  }

  async #finish(file: WatchedFile): Promise<void> {
    const name = joinText(file.dir, file.name);
    try {
      const place = await this.#move(file);
      if (place !== null) await this.#leaveWords(file, place);
      const outside = place === null || !this.#moves ? null : await this.#outsideAt(file, place);
      const movedTo = this.#moves && place !== null ? nameToText(place) : null;
      await this.#parts.store.moved(file, { movedTo, outside });
      if (outside && place) this.#parts.outsideMoved(outside, place);
    } catch (error) {
      this.#left.add(name);
      this.#failed.set(name, `${shownName(name)}: ${error instanceof Error ? error.message : String(error)}`);
      const facts = { folder: this.#folder.path, file: shownName(name), err: error };
      this.#parts.log.warn(facts, 'a processed file could not be moved or its results not be delivered; trying again');
    }
  }

  get #moves(): boolean {
    return this.#folder.outcome === 'move';
  }

  /** Where the file is in the end; null when it is gone or another one is in its place. */
  async #move(file: WatchedFile): Promise<Buffer | null> {
    const { folder, from } = { folder: this.#folder, from: pathIn(this.#folder.path, file.dir, file.name) };
    if (!this.#moves || file.sha256 === null) return file.missing ? null : from;
    const base = file.outcome === 'failed' ? folder.failedDir : folder.completedDir;
    const moved = await moveFile({
      from,
      facts: file.facts,
      digest: file.sha256,
      toDir: pathIn(base, file.dir, ''),
      name: textToName(file.name),
      planned: file.movedTo === null ? null : textToName(file.movedTo),
      intake: this.#parts.intake,
      crash: this.#parts.crash,
      plan: (target) => this.#parts.store.moving(file, nameToText(target)),
    });
    return moved.kind === 'moved' ? moved.to : null;
  }

  /** The reason beside a file that failed, results of one that did not. */
  async #leaveWords(file: WatchedFile, place: Buffer): Promise<void> {
    const { ledger, artifacts } = this.#parts;
    const { results } = this.#folder;
    const id = placeId(file.folderId, file.dir, file.name);
    if (file.outcome === 'failed' && this.#moves) {
      const dir = parentOf(place);
      const path = joinBytes(dir, fitName(place.subarray(dir.length + 1), Buffer.from('.reason.txt')));
      const part = joinBytes(dir, Buffer.from(`.holdfast-${id}.reason.part`));
      await writeDurably(path, part, `${file.reason ?? 'It failed.'}\n`);
    }
    if (results === null || file.sha256 === null) return;
    const dir = results.to === 'beside' ? parentOf(place) : pathIn(results.path, file.dir, '');
    const at = { dir, name: nameToText(place.subarray(parentOf(place).length + 1)) };
    if (!(await this.#hasNamesake(file, at.name))) await takeBack(at, (sha256) => this.#isOver(file, sha256));
    await deliver({ artifacts, results: await ledger.artifacts(file.sha256), ...at, place: id });
  }

  /** One that succeeded and one that failed may share a name, and a folder of results. */
  async #hasNamesake(file: WatchedFile, name: string): Promise<boolean> {
    const { completedDir, failedDir, results } = this.#folder;
    if (!this.#moves || results?.to !== 'folder') return false;
    const other = pathIn(file.outcome === 'failed' ? completedDir : failedDir, file.dir, name);
    return (await this.#parts.intake.facts(other)) !== null;
  }

  /** Whether it is a result for what was in the file's place before, and not for what a file of the same short name has. */
  async #isOver(file: WatchedFile, result: Sha256): Promise<boolean> {
    const { store } = this.#parts;
    if (!(await store.isResultOfPlace(placeId(file.folderId, file.dir, file.name), result))) return false;
    const stem = (name: string) => splitExtension(name).stem;
    return !(await store.namesWithResult(file.dir, result)).some((name) => stem(name) === stem(file.name));
  }

  /** An asset that is processed in its place has to be found where the file is now. */
  async #outsideAt(file: WatchedFile, place: Buffer): Promise<OutsideAsset | null> {
    const { intake } = this.#parts;
    if (this.#folder.take !== 'in-place' || file.sha256 === null) return null;
    const facts = await intake.facts(place);
    return facts && { assetId: file.sha256, path: nameToText(place), facts };
  }
}

/** Of all runs of a content together: failed as soon as one of them did not succeed. */
export function outcomeOf(runs: readonly RunWithSteps[]): { outcome: WatchOutcome; reason: string | null } {
  const bad = runs.filter((run) => run.state !== 'succeeded');
  if (bad.length === 0) return { outcome: 'succeeded', reason: null };
  const reason = bad.map((run) => {
    const steps = run.steps.filter((step) => step.state === 'failed');
    const words = steps.map((step) => `${step.name}: ${step.reason ?? 'no reason is known'}`);
    return `The pipeline ${run.pipeline} ${run.state === 'failed' ? 'failed' : `ended as ${run.state}`}${words.length > 0 ? ` in ${words.join('; ')}` : ''}`;
  });
  return { outcome: 'failed', reason: reason.join('\n') };
}
