/** The parts of a multipart/form-data body (RFC 7578), in the order in which they come. Keeps the parser away from whoever needs the parts. */
import type { BodySource } from './body-source.ts';

export type FormPart =
  | { readonly kind: 'field'; readonly name: string; readonly value: string }
  /** Its body has to be read before the next part is asked for; what is not read then is thrown away. */
  | { readonly kind: 'file'; readonly name: string; readonly body: BodySource };

export interface FormSource {
  /**
   * The next part; null after the closing boundary. Rejects with `invalid-request` when the body is not a form or beyond a limit, and as
   * the body of the request does (`body-too-short`, `body-timeout`). The body of a file rejects likewise: it never ends early in silence.
   */
  next(): Promise<FormPart | null>;
  /** Throws away what is left of the request's body. Never rejects. */
  abandon(): Promise<void>;
}

export interface FormLimits {
  /** The part of this name is a file, streamed whatever its headers say; every other one is a field. Null: no files. */
  readonly file: string | null;
  readonly partsMax: number;
  readonly fieldBytesMax: number;
}
