/**
 * A chunk out of its form. With the fields that say its place in front, the file goes straight to that place. Clients that write them after the
 * file are served too: the file is held back in memory until they come, one chunk per request and a bounded number of bytes over all of them.
 */
import { HoldfastError } from '../core/errors.ts';
import { chooseChunkSize, type Limits } from '../core/limits.ts';
import type { BodyBatch, BodySource } from '../core/ports/body-source.ts';
import type { FormPart, FormSource } from '../core/ports/form-source.ts';
import { collected, type Fields } from './form-fields.ts';

/** The chunk of form dialects, as their clients have it built in. */
export const formChunkBytes = 5 * 1024 * 1024;

/** How a dialect writes a chunk. */
export interface ChunkFormShape<Place> {
  /** The name of the file part. */
  readonly file: string;
  /** Fields without which nobody knows where the chunk belongs. */
  readonly placeFields: readonly string[];
  /** Throws what is wrong with the fields. */
  placeOf(fields: Fields): Place;
  /** Takes the fields behind a file that was delivered while it came; throws if it must not be acknowledged. Without it they are not read. */
  readonly behind?: (place: Place, fields: Fields) => void;
}

export interface ChunkForm<Place> {
  readonly place: Place;
  readonly body: BodySource;
  /** Bytes of the chunk; null while they are still coming. */
  readonly length: number | null;
}

export function chunkFormLimits(file: string) {
  return { file, partsMax: 16, fieldBytesMax: 4 * 1024 };
}

/** Chunks held back at once, counted as the largest that they may be. */
const heldBackChunksMax = 12;

/** Memory for files that come before their fields, over all requests of this process to one dialect. */
export class HeldBack {
  readonly chunkBytesMax: number;
  #chunks = 0;

  constructor(limits: Limits) {
    this.chunkBytesMax = chooseChunkSize(limits.fileBytesMax, formChunkBytes, limits);
  }

  /** The returned function gives the room back. Throws `rate-limited` when there is none. */
  reserve(order: string): () => void {
    if (this.#chunks === heldBackChunksMax)
      throw new HoldfastError('rate-limited', `Too many chunks come before their fields. ${order}, or try again.`);
    this.#chunks += 1;
    let reserved = true;
    return () => {
      if (reserved) this.#chunks -= 1;
      reserved = false;
    };
  }
}

/**
 * Reads parts until the chunk can be delivered and delivers it. Throws `invalid-request`, `body-*`, `rate-limited`, and what the shape and
 * `deliver` throw.
 */
export async function withChunk<Place, T>(
  form: FormSource,
  { shape, heldBack }: { readonly shape: ChunkFormShape<Place>; readonly heldBack: HeldBack },
  deliver: (chunk: ChunkForm<Place>) => Promise<T>,
): Promise<T> {
  const order = `Send ${shape.placeFields.join(' and ')} before the file`;
  const pairs: [string, string][] = [];
  let release = () => {};
  let held: HeldChunk | null = null;
  try {
    for (let part = await form.next(); part; part = await form.next()) {
      if (part.kind === 'field') pairs.push([part.name, part.value]);
      else if (held) throw moreThanOne();
      else if (shape.placeFields.every((name) => pairs.some((pair) => pair[0] === name))) {
        const place = shape.placeOf(collected(pairs));
        const { behind } = shape;
        const body = behind
          ? new BodyAndRest(part.body, async () => behind(place, await restOf(form, pairs)))
          : part.body;
        return await deliver({ place, body, length: null });
      } else {
        release = heldBack.reserve(order);
        held = await hold(part, heldBack.chunkBytesMax, order);
      }
    }
    const place = shape.placeOf(collected(pairs));
    if (!held)
      throw new HoldfastError('invalid-request', `The file part "${shape.file}" is missing.`, {
        details: { field: shape.file },
      });
    return await deliver({ place, body: held, length: held.length });
  } finally {
    release();
  }
}

/** The fields behind the file. A name that stands before it too is refused. */
async function restOf(form: FormSource, before: readonly [string, string][]): Promise<Fields> {
  const pairs: [string, string][] = [];
  for (let part = await form.next(); part; part = await form.next()) {
    if (part.kind === 'file') throw moreThanOne();
    pairs.push([part.name, part.value]);
  }
  collected([...before, ...pairs]);
  return collected(pairs);
}

function moreThanOne(): HoldfastError {
  return new HoldfastError('invalid-request', 'The form has more than one chunk.');
}

async function hold(part: FormPart & { readonly kind: 'file' }, bytesMax: number, order: string): Promise<HeldChunk> {
  const batches: BodyBatch[] = [];
  let length = 0;
  for (let batch = await part.body.next(); batch; batch = await part.body.next()) {
    length += batch.bytes;
    const fits = length <= bytesMax;
    if (fits) batches.push({ buffers: [Buffer.concat(batch.buffers)], bytes: batch.bytes, release: () => {} });
    batch.release();
    if (!fits)
      throw new HoldfastError('body-too-long', `A chunk has at most ${bytesMax} bytes. ${order} to be told its size.`);
  }
  return new HeldChunk(batches, length);
}

/** A chunk in memory, given out batch by batch as it came. */
class HeldChunk implements BodySource {
  readonly length: number;
  readonly #batches: BodyBatch[];

  constructor(batches: BodyBatch[], length: number) {
    this.#batches = batches;
    this.length = length;
  }

  async next(): Promise<BodyBatch | null> {
    return this.#batches.shift() ?? null;
  }

  async abandon(): Promise<void> {
    this.#batches.length = 0;
  }
}

/** A file of a form, whose end is only told once what stands behind it has been read and taken: until then nothing of it is acknowledged. */
class BodyAndRest implements BodySource {
  readonly #file: BodySource;
  readonly #takeRest: () => Promise<void>;
  #ended = false;

  constructor(file: BodySource, takeRest: () => Promise<void>) {
    this.#file = file;
    this.#takeRest = takeRest;
  }

  async next(): Promise<BodyBatch | null> {
    const batch = this.#ended ? null : await this.#file.next();
    if (batch || this.#ended) return batch;
    this.#ended = true;
    await this.#takeRest();
    return null;
  }

  async abandon(): Promise<void> {
    this.#ended = true;
    await this.#file.abandon();
  }
}
