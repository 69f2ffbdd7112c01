/** Of which parts an object is made that consists of pieces: copied inside the store where they are large enough, else sent. Pure. */
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { Piece, PieceObject } from '../../core/ports/part-map.ts';
import type { PieceSizes } from './sizes.ts';

/** `range` is in the object that is made. */
export type PlannedPart =
  | { readonly kind: 'copy'; readonly range: Range; readonly object: PieceObject; readonly from: number }
  | { readonly kind: 'send'; readonly range: Range };

/**
 * Parts of [start, end): every one but the last has at least `partBytesMin` bytes, none more than `copyBytesMax`; sent ones have less than
 * twice `partBytesMin`. Throws `storage-damaged` when bytes are not recorded.
 */
export function planParts(pieces: readonly Piece[], range: Range, sizes: PieceSizes): PlannedPart[] {
  const plan = new Plan(range.start, sizes);
  let at = range.start;
  for (const piece of pieces) {
    if (piece.end <= at) continue;
    if (piece.start > at || at >= range.end) break;
    plan.add(piece, { start: at, end: Math.min(piece.end, range.end) });
    at = Math.min(piece.end, range.end);
  }
  if (at < range.end)
    throw new HoldfastError('storage-damaged', 'Stored bytes of this upload are missing.', {
      details: { stored: at, expected: range.end },
    });
  return plan.end();
}

class Plan {
  readonly #sizes: PieceSizes;
  readonly #parts: PlannedPart[] = [];
  /** Bytes in [pending, at) are too few for a part so far. */
  #pending: number;
  #at: number;

  constructor(start: number, sizes: PieceSizes) {
    this.#sizes = sizes;
    this.#pending = start;
    this.#at = start;
  }

  add(piece: Piece, { start, end }: Range): void {
    this.#at = start;
    const least = this.#sizes.partBytesMin;
    if (this.#pending < this.#at) {
      // What waits is filled up from the front of this piece.
      this.#at = Math.min(end, this.#pending + least);
      if (this.#at - this.#pending === least) this.#send();
    }
    const { object } = piece;
    if (object === null) {
      while (end - this.#pending >= least) {
        this.#at = this.#pending + least;
        this.#send();
      }
    } else if (this.#pending === this.#at && end - this.#at >= least) this.#copy({ ...piece, object }, end);
    this.#at = end;
  }

  end(): PlannedPart[] {
    if (this.#pending < this.#at) this.#send();
    return this.#parts;
  }

  #send(): void {
    this.#parts.push({ kind: 'send', range: { start: this.#pending, end: this.#at } });
    this.#pending = this.#at;
  }

  /** In parts of equal size, so that none of them is too small. */
  #copy(piece: Piece & { readonly object: PieceObject }, end: number): void {
    const bytes = end - this.#at;
    const count = Math.ceil(bytes / this.#sizes.copyBytesMax);
    const start = this.#at;
    for (let i = 0; i < count; i += 1) {
      const range = {
        start: start + Math.floor((bytes * i) / count),
        end: start + Math.floor((bytes * (i + 1)) / count),
      };
      const from = piece.object.at + range.start - piece.start;
      this.#parts.push({ kind: 'copy', range, object: piece.object, from });
    }
    this.#at = end;
    this.#pending = end;
  }
}

/** Runs of neighbouring parts, as few as possible, each of at most `countMax`. */
export function runsOf(parts: readonly PlannedPart[], countMax: number): PlannedPart[][] {
  return Array.from({ length: Math.ceil(parts.length / countMax) }, (_, i) =>
    parts.slice(i * countMax, (i + 1) * countMax),
  );
}
