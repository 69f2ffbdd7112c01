/**
 * Brings the search index up to date with the ledger, in the background. Crash-safe because what is outdated is recorded with the result
 * that outdates it; idempotent because an asset's index is replaced as a whole.
 */
import { text } from 'node:stream/consumers';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SearchStore } from '../core/ports/search-store.ts';
import type { StepLog } from './context.ts';
import { readPassages } from './passages.ts';

export interface IndexerSettings {
  readonly search: SearchStore;
  readonly artifacts: Pick<ArtifactStore, 'read'>;
  readonly clock: Clock;
  readonly log: StepLog;
  /** Looks at least this often, for what other nodes recorded. */
  readonly pollMs: number;
}

const batch = 50;
/** An artifact that is larger is not text that somebody said. */
const bytesMax = 64 * 1024 * 1024;

export class SearchIndexer {
  readonly #settings: IndexerSettings;
  #running: Promise<void> = Promise.resolve();
  #again = false;
  #busy = false;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(settings: IndexerSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.notify();
  }

  /** Something may be outdated. Cheap. */
  notify(): void {
    if (this.#stopped) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#cancel();
    this.#running = this.#round();
  }

  /** Lets the asset at work finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  /** Indexes until nothing is outdated; resolves to how many assets that were. */
  async catchUp(onAsset: (done: number) => void = () => {}): Promise<number> {
    const { search, log } = this.#settings;
    let done = 0;
    const failed = new Set<string>();
    for (;;) {
      const outdated = (await search.outdated(batch + failed.size)).filter(({ assetId }) => !failed.has(assetId));
      if (outdated.length === 0) return done;
      for (const each of outdated) {
        if (this.#stopped) return done;
        try {
          await search.replace(each, await this.#passages(each.assetId));
          done += 1;
          onAsset(done);
        } catch (error) {
          // The next round tries it again; others need not wait for it.
          failed.add(each.assetId);
          log.error({ err: error, assetId: each.assetId }, 'the text of an asset could not be indexed');
        }
      }
    }
  }

  async #passages(assetId: string) {
    const { search, artifacts, log } = this.#settings;
    const sources = await search.sources(assetId);
    const found = [];
    for (const artifact of sources) {
      if (artifact.size > bytesMax) {
        log.warn({ assetId, artifact: artifact.name, size: artifact.size }, 'a text is too large to be indexed');
        continue;
      }
      found.push(...readPassages(await text(await artifacts.read(artifact))));
    }
    return found;
  }

  async #round(): Promise<void> {
    const { clock, log, pollMs } = this.#settings;
    try {
      do {
        this.#again = false;
        await this.catchUp();
      } while (this.#again && !this.#stopped);
    } catch (error) {
      log.error({ err: error }, 'the search index could not be brought up to date; trying again');
    }
    this.#busy = false;
    if (!this.#stopped) this.#cancel = clock.after(pollMs, () => this.notify());
  }
}
