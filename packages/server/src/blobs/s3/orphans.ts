/**
 * What crashes leave in the bucket: objects that were stored and not recorded, multipart uploads that nobody goes on with. Found by listing,
 * which is slow and costs requests, so it is done rarely; and by age, because a write that is under way looks the same.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { MultipartUpload } from './multipart.ts';
import type { PieceSources } from './piece-reader.ts';

export interface OrphansParts extends PieceSources {
  readonly clock: Clock;
  /** Those that are written down. */
  removeGarbage(): Promise<number>;
}

export interface OrphanSweep {
  readonly objects: number;
  readonly multipartUploads: number;
}

const batch = 500;

export class Orphans {
  readonly #parts: OrphansParts;

  constructor(parts: OrphansParts) {
    this.#parts = parts;
  }

  async remove(olderThanMs: number): Promise<OrphanSweep> {
    const before = this.#parts.clock.now() - olderThanMs;
    const written = await this.#parts.removeGarbage();
    return {
      objects: written + (await this.#objects(before)) + (await this.#arrivals(before)),
      multipartUploads: await this.#multipartUploads(before),
    };
  }

  async #objects(before: number): Promise<number> {
    const { bucket, keys } = this.#parts;
    let removed = 0;
    let names: string[] = [];
    for await (const { key, modifiedAt } of bucket.list(keys.incoming)) {
      if (modifiedAt < before) names.push(keys.pieceName(key));
      if (names.length < batch) continue;
      removed += await this.#unnamed(names);
      names = [];
    }
    return removed + (await this.#unnamed(names));
  }

  /** What clients sent and never reported: nothing is ever recorded of it. */
  async #arrivals(before: number): Promise<number> {
    const { bucket, keys } = this.#parts;
    let removed = 0;
    for await (const { key, modifiedAt } of bucket.list(keys.arrivals)) {
      if (modifiedAt >= before) continue;
      await bucket.remove(key);
      removed += 1;
    }
    return removed;
  }

  async #unnamed(names: readonly string[]): Promise<number> {
    const { bucket, keys, map } = this.#parts;
    const named = await map.named(names);
    const orphans = names.filter((name) => !named.has(name));
    for (const name of orphans) await bucket.remove(keys.piece(name));
    return orphans.length;
  }

  async #multipartUploads(before: number): Promise<number> {
    const { bucket, keys, map } = this.#parts;
    const wanted = new Set<string>();
    for (let after = ''; ; ) {
      const ids = await map.uploads(after, batch);
      for (const id of ids) {
        const target = (await map.find(id))?.target ?? null;
        if (target !== null) wanted.add((JSON.parse(target) as MultipartUpload).id);
      }
      const last = ids.at(-1);
      if (last === undefined || ids.length < batch) break;
      after = last;
    }
    let removed = 0;
    for (const prefix of [keys.incoming, keys.assets, keys.artifacts]) {
      for await (const upload of bucket.multipart.list(prefix)) {
        if (upload.begunAt >= before || wanted.has(upload.id)) continue;
        if (await bucket.letGo(upload)) removed += 1;
      }
    }
    return removed;
  }
}
