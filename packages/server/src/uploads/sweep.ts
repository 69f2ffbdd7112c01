/**
 * What time does to uploads: expiry, taking over what a dead node left, freeing the bytes of ended uploads, purging old ones.
 * Everything is found through an index of the store, never by looking through folders.
 */

import type { Concatenations } from './concatenate.ts';
import { decideOn } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import type { UploadService } from './service.ts';

const batch = 200;

export interface SweepResult {
  /** Concatenations whose parts were whole. */
  readonly joined: number;
  readonly expired: number;
  readonly takenOver: number;
  readonly released: number;
  readonly purged: number;
}

export class Sweeper {
  readonly #deps: UploadDependencies;
  readonly #finisher: Finisher;
  readonly #concatenations: Concatenations;

  constructor(deps: UploadDependencies, service: Pick<UploadService, 'finisher' | 'concatenations'>) {
    this.#deps = deps;
    this.#finisher = service.finisher;
    this.#concatenations = service.concatenations;
  }

  /** One round. Each part goes on when another fails; failures are logged and tried again in the next round. */
  async sweep(): Promise<SweepResult> {
    const joined = await this.#guarded('join', () => this.#concatenations.sweep());
    const expired = await this.#guarded('expire', () => this.#expire());
    const takenOver = await this.#guarded('take over', () => this.#takeOver());
    const released = await this.#guarded('release', () => this.#release());
    const purged = await this.#guarded('purge', () => this.#purge());
    if (joined + expired + takenOver + released + purged > 0)
      this.#deps.log.info({ joined, expired, takenOver, released, purged }, 'swept');
    return { joined, expired, takenOver, released, purged };
  }

  /** Only what a node that is gone was finishing: that is not to wait for the next round. */
  async takeOver(): Promise<number> {
    return await this.#guarded('take over', () => this.#takeOver());
  }

  async #expire(): Promise<number> {
    const { store, clock, observer } = this.#deps;
    const now = clock.now();
    const due = await store.dueToExpire(now, batch);
    for (const upload of due) {
      const decision = await decideOn(store, { id: upload.id, command: { type: 'expire' }, now });
      // Refused when another node was faster, or a chunk came meanwhile.
      if (decision.kind === 'accept' && decision.next.phase.name === 'expired') observer.ended('expired');
    }
    return due.length;
  }

  async #takeOver(): Promise<number> {
    const abandoned = await this.#deps.store.abandoned(this.#deps.clock.now(), batch);
    for (const upload of abandoned) await this.#finisher.takeOver(upload);
    return abandoned.length;
  }

  async #release(): Promise<number> {
    const { store, blobs } = this.#deps;
    const ended = await store.toRelease(batch);
    for (const upload of ended) {
      await blobs.discard(upload.id);
      await store.released(upload.id);
    }
    return ended.length;
  }

  async #purge(): Promise<number> {
    const { store, tokens, clock, limits } = this.#deps;
    const before = clock.now() - limits.endedRetentionMs;
    return (await store.purge(before, batch)) + (await tokens.purge(before, batch));
  }

  async #guarded(name: string, part: () => Promise<number>): Promise<number> {
    try {
      return await part();
    } catch (error) {
      this.#deps.log.error({ err: error, part: name }, 'a part of the clean-up failed; it is tried again');
      return 0;
    }
  }
}
