/** Objects of uploads that nobody names any more: what is written down as garbage, and what crashes left. */
import type { PartMap } from '../../core/ports/part-map.ts';
import type { Bucket } from './bucket.ts';
import { inParallel } from './in-parallel.ts';
import type { S3Keys } from './keys.ts';

/** Requests under way when many objects are removed. */
const removalsAtOnce = 8;

export class Removal {
  readonly #parts: { readonly bucket: Bucket; readonly keys: S3Keys; readonly map: PartMap };

  constructor(parts: { readonly bucket: Bucket; readonly keys: S3Keys; readonly map: PartMap }) {
    this.#parts = parts;
  }

  /** Resolves to how many were removed. */
  async garbage(of: { readonly uploadId: string } | { readonly limit: number }): Promise<number> {
    return await this.objects(new Set(await this.#parts.map.garbage(of)));
  }

  /** What cannot be removed now is removed by clean-up: it is written down as garbage. */
  async objects(names: ReadonlySet<string>): Promise<number> {
    const { map, bucket, keys } = this.#parts;
    if (names.size === 0) return 0;
    const removed = await inParallel([...names], removalsAtOnce, (name) =>
      bucket.remove(keys.piece(name)).then(
        () => [name],
        () => [],
      ),
    );
    await map.swept(removed.flat());
    return removed.flat().length;
  }

  /** Objects of an upload that has no map, as a crash between storing and recording leaves them. */
  async unknown(uploadId: string): Promise<void> {
    const { bucket, keys } = this.#parts;
    await inParallel(await this.unnamed(uploadId), removalsAtOnce, (name) => bucket.remove(keys.piece(name)));
  }

  /** What clients sent for the upload and nobody took. What cannot be removed now is removed by its age. */
  async arrivals(uploadId: string): Promise<void> {
    const { bucket, keys } = this.#parts;
    const found: string[] = [];
    for await (const { key } of bucket.list(keys.arrivalsOf(uploadId))) found.push(key);
    await inParallel(found, removalsAtOnce, (key) => bucket.remove(key).catch(() => {}));
  }

  /** Objects that were stored for the upload and that no piece names, of whatever upload. */
  async unnamed(uploadId: string): Promise<string[]> {
    const { bucket, keys, map } = this.#parts;
    const names: string[] = [];
    for await (const { key } of bucket.list(keys.piecesOf(uploadId))) names.push(keys.pieceName(key));
    const named = await map.named(names);
    return names.filter((name) => !named.has(name));
  }
}
