/**
 * A chunk out of its form. With `upload_id` and `chunk_index` in front, the file goes straight to its place. Clients that write them after the
 * file are served too: the file is held back in memory until they come, one chunk per request and a bounded number of bytes over all of them.
 */
import { HoldfastError } from '../../core/errors.ts';
import { chooseChunkSize, type Limits } from '../../core/limits.ts';
import type { BodyBatch, BodySource } from '../../core/ports/body-source.ts';
import type { FormPart, FormSource } from '../../core/ports/form-source.ts';
import { collected, type Fields } from './command-fields.ts';
import { uploadId, wholeNumber } from './field-values.ts';
import { formChunkBytes } from './grid.ts';

export interface ChunkForm {
  readonly uploadId: string;
  /** 0-based. */
  readonly index: number;
  readonly body: BodySource;
  /** Bytes of the chunk; null while they are still coming. */
  readonly length: number | null;
}

export const chunkFormLimits = { file: 'chunk', partsMax: 16, fieldBytesMax: 4 * 1024 } as const;

/** Chunks held back at once, counted as the largest that they may be. */
const heldBackChunksMax = 12;
const order = 'Send upload_id and chunk_index before the file';

/** Memory for files that come before their fields, over all requests of this process. */
export class HeldBack {
  readonly chunkBytesMax: number;
  #chunks = 0;

  constructor(limits: Limits) {
    this.chunkBytesMax = chooseChunkSize(limits.fileBytesMax, formChunkBytes, limits);
  }

  /** The returned function gives the room back. Throws `rate-limited` when there is none. */
  reserve(): () => void {
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
 * Reads parts until the chunk can be delivered and delivers it; what comes after a chunk that was not held back is not read.
 * Throws `invalid-request`, `invalid-chunk-index`, `body-*`, `rate-limited`, and what `deliver` throws.
 */
export async function withChunk<T>(
  form: FormSource,
  heldBack: HeldBack,
  deliver: (chunk: ChunkForm) => Promise<T>,
): Promise<T> {
  const pairs: [string, string][] = [];
  let release = () => {};
  let held: HeldChunk | null = null;
  try {
    for (let part = await form.next(); part; part = await form.next()) {
      if (part.kind === 'field') pairs.push([part.name, part.value]);
      else if (held) throw new HoldfastError('invalid-request', 'The form has more than one chunk.');
      else if (hasPlace(pairs)) return await deliver({ ...placeOf(collected(pairs)), body: part.body, length: null });
      else {
        release = heldBack.reserve();
        held = await hold(part, heldBack.chunkBytesMax);
      }
    }
    const place = placeOf(collected(pairs));
    if (!held) throw new HoldfastError('invalid-request', 'The file part "chunk" is missing.');
    return await deliver({ ...place, body: held, length: held.length });
  } finally {
    release();
  }
}

function hasPlace(pairs: readonly (readonly [string, string])[]): boolean {
  return ['upload_id', 'chunk_index'].every((name) => pairs.some((pair) => pair[0] === name));
}

function placeOf(fields: Fields): { uploadId: string; index: number } {
  return { uploadId: uploadId(fields), index: wholeNumber(fields, 'chunk_index', 'invalid-chunk-index') };
}

async function hold(part: FormPart & { readonly kind: 'file' }, bytesMax: number): Promise<HeldChunk> {
  const batches: BodyBatch[] = [];
  let length = 0;
  for (let batch = await part.body.next(); batch; batch = await part.body.next()) {
    length += batch.bytes;
    if (length > bytesMax)
      throw new HoldfastError('body-too-long', `A chunk has at most ${bytesMax} bytes. ${order} to be told its size.`);
    batches.push({ buffers: [Buffer.concat(batch.buffers)], bytes: batch.bytes, release: () => {} });
    batch.release();
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
