/**
 * What time does to uploads: expiry, taking over what a dead node left, freeing the bytes of ended uploads, purging old ones.
 * Everything is found through an index of the store, never by looking through folders.
 */

import type { Upload } from '../core/upload.ts';
import type { Concatenations } from './concatenate.ts';
import { decideOn } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';
import type { Finisher } from './finish.ts';
import type { UploadService } from './service.ts';

const batch = 200;
/** In one round, so that a server that stops does not wait long for it. As many are received in a minute by a busy one. */
const batchesMax = 25;

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

  /** One round. Each part goes on when another fails, and so do other uploads; failures are logged and tried again in the next round. */
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
    return await this.#batches(async () => {
      const due = await store.dueToExpire(now, batch);
      return await this.#each(due, async (upload) => {
        const decision = await decideOn(store, { id: upload.id, command: { type: 'expire' }, now });
        // Refused when another node was faster, or a chunk came meanwhile.
        const expired = decision.kind === 'accept' && decision.next.phase.name === 'expired';
        if (expired) observer.ended('expired');
        return expired;
      });
    });
  }

  async #takeOver(): Promise<number> {
    const abandoned = await this.#deps.store.abandoned(this.#deps.clock.now(), batch);
    return await this.#each(abandoned, async (upload) => {
      await this.#finisher.takeOver(upload);
      return true;
    });
  }

  async #release(): Promise<number> {
    const { store, blobs } = this.#deps;
    return await this.#batches(async () =>
      this.#each(await store.toRelease(batch), async (upload) => {
        await blobs.discard(upload.id);
        await store.released(upload.id);
        return true;
      }),
    );
  }

  async #purge(): Promise<number> {
    const { store, tokens, clock, limits } = this.#deps;
    const before = clock.now() - limits.endedRetentionMs;
    const uploads = await this.#batches(() => store.purge(before, batch));
    return uploads + (await this.#batches(() => tokens.purge(before, batch)));
  }

  /** Batch after batch while there is more to do and it gets done. Resolves to how many were. */
  async #batches(next: () => Promise<number>): Promise<number> {
    let done = 0;
    for (let i = 0; i < batchesMax; i += 1) {
      const more = await next();
      done += more;
      if (more === 0) break;
    }
    return done;
  }

  /** What fails for one stays due, and is in nobody's way. Resolves to for how many `work` resolved to true. */
  async #each(uploads: readonly Upload[], work: (upload: Upload) => Promise<boolean>): Promise<number> {
    let done = 0;
    for (const upload of uploads) {
      try {
        if (await work(upload)) done += 1;
      } catch (error) {
        this.#deps.log.error(
          { err: error, uploadId: upload.id },
          'the clean-up of an upload failed; it is tried again',
        );
      }
    }
    return done;
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
