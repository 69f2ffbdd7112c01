/** Which unfinished final uploads name which partial ones, and how often a partial one is used. */
import { HoldfastError } from '../../core/errors.ts';
import type { Session } from './engine.ts';
import { listMax, type UploadQueries } from './upload-queries.ts';

export class Parts {
  readonly #queries: UploadQueries;

  constructor(queries: UploadQueries) {
    this.#queries = queries;
  }

  /** Rejects with `invalid-concatenation` when one of the parts is no live partial upload of the principal any more. */
  async use(session: Session, final: { id: string; principal: string }, parts: readonly string[]): Promise<void> {
    for (const some of slices(parts)) {
      const used = await session.change(this.#queries.useParts(some, final.principal));
      if (used !== some.length)
        throw new HoldfastError('invalid-concatenation', 'A part has ended meanwhile. Upload it again.');
      await session.change(this.#queries.insertParts(some, final.id));
    }
  }

  async free(session: Session, finalId: string, parts: readonly string[]): Promise<void> {
    for (const some of slices(parts)) await session.change(this.#queries.freeParts(some));
    await session.change(this.#queries.deleteParts(finalId));
  }
}

/** Each id once (a file may be concatenated with itself), in an order that is the same for everybody, so that locks are taken in it. */
function slices(parts: readonly string[]): string[][] {
  const ids = [...new Set(parts)].sort();
  return Array.from({ length: Math.ceil(ids.length / listMax) }, (_, i) => ids.slice(i * listMax, (i + 1) * listMax));
}
