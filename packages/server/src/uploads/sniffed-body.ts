/** A body whose first bytes are looked at as they pass: nothing is read twice, and only what is judged is held up. */
import type { HoldfastError } from '../core/errors.ts';
import { isRestricted, readsAsText, typeRefusal } from '../core/media-type.ts';
import type { BodyBatch, BodySource } from '../core/ports/body-source.ts';
import type { Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';

/** Enough for every signature that type sniffing knows. */
export const headBytes = 4_100;

type Sniffing = Pick<UploadDependencies, 'allowedTypes' | 'sniffType'>;
/** Null when the bytes may be taken. */
type Judge = (head: Uint8Array) => Promise<HoldfastError | null>;

/** The body that begins a file; where types are restricted, one that ends with `unsupported-type` when its first bytes are of another type. */
export function judgedBody(sniffing: Sniffing, upload: Upload, body: BodySource): BodySource {
  const judge = judgeOf(sniffing, upload);
  return judge === null ? body : new SniffedBody(body, judge);
}

/** As `judgedBody`, for a body that goes on at `at`: as long as too few bytes have come, all of them are looked at again. */
export async function judgedFrom(
  deps: Sniffing & Pick<UploadDependencies, 'blobs'>,
  upload: Upload,
  { body, at }: { readonly body: BodySource; readonly at: number },
): Promise<BodySource> {
  const judge = at < headBytes ? judgeOf(deps, upload) : null;
  if (judge === null) return body;
  return new SniffedBody(body, judge, at === 0 ? undefined : await deps.blobs.head(upload.id, at));
}

/** As `judgedBody`, and keeps the first bytes, for a file whose type is told as soon as it is there. */
export function keptBody(sniffing: Sniffing, upload: Upload, body: BodySource): SniffedBody {
  return new SniffedBody(body, judgeOf(sniffing, upload) ?? (async () => null));
}

function judgeOf({ allowedTypes, sniffType }: Sniffing, upload: Upload): Judge | null {
  const allowed = [allowedTypes, upload.allowedTypes];
  if (!isRestricted(allowed)) return null;
  return async (head) => {
    const type = await sniffType(head);
    const found = type === null ? (readsAsText(head) ? 'text' : 'unknown') : { type };
    return typeRefusal(upload.contentType, found, allowed);
  };
}

export class SniffedBody implements BodySource {
  readonly #body: BodySource;
  readonly #judge: Judge;
  #head: Uint8Array;
  #judged = false;

  /**
   * `judge` is called once, with the first bytes or with all of a shorter body, behind those that came `before`; what it returns is thrown
   * by `next`.
   */
  constructor(body: BodySource, judge: Judge, before: Uint8Array = new Uint8Array(0)) {
    this.#body = body;
    this.#judge = judge;
    this.#head = before;
  }

  /** What has come of the first `headBytes`. */
  get head(): Uint8Array {
    return this.#head;
  }

  async next(): Promise<BodyBatch | null> {
    const batch = await this.#body.next();
    if (this.#judged) return batch;
    for (const buffer of batch?.buffers ?? []) {
      if (this.#head.length >= headBytes) break;
      // A copy: the buffers are gone when they are released.
      this.#head = Buffer.concat([this.#head, buffer.subarray(0, headBytes - this.#head.length)]);
    }
    if (batch && this.#head.length < headBytes) return batch;
    this.#judged = true;
    const refusal = await this.#judge(this.#head);
    if (refusal === null) return batch;
    batch?.release();
    throw refusal;
  }

  abandon(): Promise<void> {
    return this.#body.abandon();
  }
}
