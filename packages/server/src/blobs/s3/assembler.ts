/**
 * Makes objects of pieces. Every way of it can be gone on with after a crash: what was begun is written down in the part map, what is there
 * of it is asked for, and an answer that did not arrive is replaced by a look at the object.
 */
import { createHash } from 'node:crypto';
import { HoldfastError, invariant } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { MapHead, Piece, SeenPieces } from '../../core/ports/part-map.ts';
import { type PlannedPart, planParts, runsOf } from './assembly-plan.ts';
import { inParallel } from './in-parallel.ts';
import type { DonePart, MultipartUpload } from './multipart.ts';
import { type PieceSources, pieceBytes } from './piece-reader.ts';
import { contentOf } from './requests.ts';
import { isPassing, s3Translated } from './s3-errors.ts';
import type { PieceSizes } from './sizes.ts';
import { type SlabPool, Slabs } from './slab-pool.ts';

/** Requests under way for one object. */
const atOnce = 6;
const triesMax = 4;

export interface AssemblerParts extends PieceSources {
  readonly sizes: PieceSizes;
  readonly slabs: SlabPool;
}

/** What is to be made of which pieces of an upload. */
export interface Assembly extends SeenPieces {
  readonly uploadId: string;
  readonly range: Range;
  readonly key: string;
}

export class Assembler {
  readonly #parts: AssemblerParts;

  constructor(parts: AssemblerParts) {
    this.#parts = parts;
  }

  /**
   * Makes the object at `key`; resolves to its ETag once it is there with the right size. `target`: what an earlier try wrote down. A
   * complete object replaces whatever was at the key, at once.
   */
  async assemble(assembly: Assembly, target: string | null = null): Promise<string> {
    const { range, key, uploadId } = assembly;
    const pieces = await this.#fewEnough(assembly);
    const plan = planParts(pieces, range, this.#parts.sizes);
    const [only] = plan;
    const made = { ...assembly, pieces };
    if (plan.length <= 1 && (only === undefined || only.kind === 'send')) await this.#put(made);
    else if (plan.length === 1 && only?.kind === 'copy' && only.from === 0 && bytesOf(only.range) === only.object.size)
      await this.#parts.bucket.copy({ key: this.#parts.keys.piece(only.object.name), etag: only.object.etag }, key);
    else {
      await this.#multipart(made, plan, target);
      return await this.#look(key, bytesOf(range));
    }
    await this.#parts.map.setTarget(uploadId, null);
    return await this.#look(key, bytesOf(range));
  }

  /** Puts what the database keeps of an upload into objects, where enough of it is side by side. */
  async foldInline(uploadId: string, head: MapHead): Promise<void> {
    const { map, sizes } = this.#parts;
    const all = head.inlineBytes >= 2 * sizes.inlineTotalMax;
    const runs: { start: number; end: number; pieces: Piece[] }[] = [];
    for (const piece of await map.pieces(uploadId)) {
      if (piece.object !== null) continue;
      const run = runs.at(-1);
      if (run?.end === piece.start && piece.end - run.start <= sizes.pieceBytes) {
        run.pieces.push(piece);
        run.end = piece.end;
      } else runs.push({ start: piece.start, end: piece.end, pieces: [piece] });
    }
    for (const run of runs) {
      const enough = run.end - run.start >= sizes.partBytesMin;
      if (enough || (all && run.pieces.length > 1))
        await s3Translated('putting pieces together', () =>
          this.fold(uploadId, { pieces: run.pieces, rewrites: head.rewrites }),
        );
    }
  }

  /** Puts one object in the place of neighbouring pieces. False when they changed meanwhile. */
  async fold(uploadId: string, seen: SeenPieces): Promise<boolean> {
    const { keys, bucket, map } = this.#parts;
    const { pieces } = seen;
    const [first, last] = [pieces[0], pieces.at(-1)];
    if (first === undefined || last === undefined) return false;
    const range = { start: first.start, end: last.end };
    const name = keys.newPiece(uploadId);
    const etag = await this.#whole({ uploadId, ...seen, range, key: keys.piece(name) });
    const by = { ...range, object: { name, at: 0, size: bytesOf(range), etag } };
    const replaced = await map.replace(uploadId, seen, by);
    if (!replaced) await bucket.remove(keys.piece(name));
    return replaced;
  }

  /** As `assemble`, without anything written down: what a crash leaves is found by its age. */
  async #whole(assembly: Assembly): Promise<string> {
    const { sizes } = this.#parts;
    const plan = planParts(assembly.pieces, assembly.range, sizes);
    const inline = assembly.pieces.every((piece) => piece.object === null);
    // What the database kept is little enough for one request.
    if (inline || (plan.length === 1 && plan[0]?.kind === 'send')) return await this.#put(assembly);
    const upload = await this.#parts.bucket.multipart.begin(assembly.key);
    try {
      const done = await this.#all(assembly, plan, { upload, there: [] });
      await this.#parts.bucket.multipart.complete(upload, done);
    } catch (error) {
      await this.#parts.bucket.multipart.abort(upload).catch(() => {});
      throw error;
    }
    return await this.#look(assembly.key, bytesOf(assembly.range));
  }

  /** An object has at most 10,000 parts: where more are needed, neighbours are joined first, inside the store. */
  async #fewEnough(assembly: Assembly): Promise<readonly Piece[]> {
    const { sizes, map } = this.#parts;
    const { uploadId, range, rewrites } = assembly;
    let { pieces } = assembly;
    for (;;) {
      const plan = planParts(pieces, range, sizes);
      if (plan.length <= sizes.partsMax) return pieces;
      let folded = 0;
      for (const run of runsOf(plan, sizes.partsMax)) {
        const start = run[0]?.range.start ?? 0;
        const end = run.at(-1)?.range.end ?? 0;
        const within = pieces.filter((piece) => piece.start >= start && piece.end <= end);
        if (within.length < 2) continue;
        folded += 1;
        if (!(await this.fold(uploadId, { pieces: within, rewrites })))
          throw new HoldfastError('unavailable', 'The pieces of the upload changed while they were put together.');
      }
      invariant(folded > 0, 'an object of partsMax parts of copyBytesMax takes every file');
      pieces = await map.pieces(uploadId);
    }
  }

  /** Few bytes: read and sent. */
  async #put(assembly: Assembly): Promise<string> {
    return await this.#collected(assembly, assembly.range, (content) => this.#parts.bucket.put(assembly.key, content));
  }

  async #multipart(assembly: Assembly, plan: readonly PlannedPart[], target: string | null): Promise<void> {
    const { bucket, map } = this.#parts;
    const begun = (await this.#begun(assembly, plan, target)) ?? {
      upload: await bucket.multipart.begin(assembly.key),
      there: [],
    };
    await map.setTarget(assembly.uploadId, JSON.stringify(begun.upload));
    const done = await this.#all(assembly, plan, begun);
    try {
      await bucket.multipart.complete(begun.upload, done);
    } catch (error) {
      // It may have worked all the same: the answer was lost, or it was completed by an earlier try.
      const facts = await bucket.head(assembly.key);
      if (facts?.size === bytesOf(assembly.range)) return;
      await map.setTarget(assembly.uploadId, null);
      await bucket.multipart.abort(begun.upload).catch(() => {});
      throw error;
    }
  }

  /** What an earlier try left: its parts that are as planned. Null when there is nothing to go on with. */
  async #begun({ key }: Assembly, plan: readonly PlannedPart[], target: string | null) {
    const upload = target === null ? null : (JSON.parse(target) as MultipartUpload);
    if (upload === null) return null;
    const { multipart } = this.#parts.bucket;
    const parts = upload.key === key ? await multipart.parts(upload) : null;
    if (parts === null) return null;
    const planned = (part: DonePart) => {
      const as = plan[part.number - 1];
      return as !== undefined && bytesOf(as.range) === part.size;
    };
    if (parts.every(planned)) return { upload, there: parts };
    await this.#parts.bucket.letGo(upload);
    return null;
  }

  async #all(
    assembly: Assembly,
    plan: readonly PlannedPart[],
    { upload, there }: { readonly upload: MultipartUpload; readonly there: readonly DonePart[] },
  ): Promise<DonePart[]> {
    const known = new Map(there.map((part) => [part.number, part]));
    return await inParallel(plan, atOnce, async (part, i) => {
      const number = i + 1;
      const etag = known.get(number)?.etag ?? (await this.#part(assembly, part, { upload, number }));
      return { number, etag, size: bytesOf(part.range) };
    });
  }

  async #part(assembly: Assembly, part: PlannedPart, to: { upload: MultipartUpload; number: number }): Promise<string> {
    const { bucket, keys } = this.#parts;
    if (part.kind === 'send')
      return await this.#collected(assembly, part.range, (content) =>
        bucket.multipart.send(to.upload, to.number, content),
      );
    const { object, from } = part;
    const range = { start: from, end: from + bytesOf(part.range) };
    const etag = await this.#again(() =>
      bucket.multipart.copy(to.upload, to.number, { key: keys.piece(object.name), etag: object.etag, range }),
    );
    const whole = bytesOf(range) === object.size && bucket.isMd5(object.etag) && bucket.isMd5(etag);
    if (whole && etag !== object.etag)
      throw new HoldfastError('unavailable', 'The object store copied other bytes than it has. Trying again.');
    return etag;
  }

  /** Reads a range, which is small, into memory of the budget, and sends it. */
  async #collected(
    { uploadId, pieces }: Assembly,
    range: Range,
    send: (content: ReturnType<typeof contentOf>) => Promise<string>,
  ): Promise<string> {
    // Not more than one of these waits for room while it holds some: the first slab is waited for, and the others are beside the budget
    // where there is none, a few MiB at most.
    const slabs = new Slabs(this.#parts.slabs);
    const beside: Buffer[] = [];
    const md5 = createHash('md5');
    try {
      await slabs.grow();
      for await (const bytes of pieceBytes(this.#parts, uploadId, { pieces, range })) {
        md5.update(bytes);
        for (let rest = bytes; rest.byteLength > 0; ) {
          if (beside.length > 0 || (slabs.isFull && !slabs.tryGrow())) {
            beside.push(Buffer.from(rest));
            break;
          }
          rest = rest.subarray(slabs.add(rest));
        }
      }
      return await send(contentOf([...slabs.buffers(), ...beside], md5.digest('hex')));
    } finally {
      slabs.give();
    }
  }

  async #look(key: string, size: number): Promise<string> {
    const facts = await this.#parts.bucket.head(key);
    if (facts?.size === size) return facts.etag;
    throw new HoldfastError('unavailable', 'The object store does not show what it has put together.', {
      details: { expected: size, stored: facts?.size ?? null },
    });
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await work();
      } catch (error) {
        if (tried === triesMax || !isPassing(error)) throw error;
        await this.#parts.bucket.pause(tried);
      }
    }
  }
}

function bytesOf(range: Range): number {
  return range.end - range.start;
}
