/**
 * multipart/form-data (RFC 7578, RFC 2046 §5.1) as a FormSource over a BodySource. The reader pulls: a file's bytes are handed on as slices of
 * the batches that they came in, each lent until its last slice is released, so nothing is copied and a form has the same time-outs and the same
 * back-pressure as a raw body. (busboy was tried: it keeps slices without saying for how long, so it needs copies of all of them; with those a
 * form cost three times the CPU of a raw body, nearly all of it garbage collection, and some damaged forms left it waiting for ever.)
 */
import { HoldfastError } from '../core/errors.ts';
import type { BodyBatch, BodySource } from '../core/ports/body-source.ts';
import type { FormLimits, FormPart, FormSource } from '../core/ports/form-source.ts';
import { partName } from './part-header.ts';

const headerBytesMax = 8 * 1024;
/** Blanks that may stand between a boundary and its line end. */
const paddingBytesMax = 64;
const lineEnd = Buffer.from('\r\n');
const headerEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);

export class FormReader implements FormSource {
  readonly #body: BodySource;
  readonly #limits: FormLimits;
  readonly #boundary: string;
  /** Ends every part: the line end before a boundary belongs to it. */
  readonly #delimiter: Buffer;
  #source: Loan | null = null;
  /** Buffers of the source that come after `#here`. */
  #pending: Uint8Array[] = [];
  /** What is not yet read of the current buffer. */
  #here: Buffer = nothing;
  /** The end of an earlier buffer of a file, if it may be the beginning of the delimiter. A copy. */
  #kept: Buffer = nothing;
  #begun = false;
  #ended = false;
  #parts = 0;
  /** Stands for the file that is being read. */
  #file: symbol | null = null;

  /** `boundary` as in the Content-Type, without quotes. */
  constructor(body: BodySource, boundary: string, limits: FormLimits) {
    this.#body = body;
    this.#limits = limits;
    this.#boundary = boundary;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  async next(): Promise<FormPart | null> {
    if (this.#file) await this.#skip(this.#file);
    if (this.#ended) return null;
    if (!this.#begun) await this.#begin();
    if (await this.#closes()) return null;
    this.#parts += 1;
    const { file: fileName, partsMax, fieldBytesMax } = this.#limits;
    if (this.#parts > partsMax) throw refused(`The form has more than ${partsMax} parts.`);
    const name = partName(await this.#until(headerEnd, headerBytesMax, 'The headers of a part of the form are'));
    if (name === null) throw refused('A part of the form has no name.');
    if (name === fileName) return { kind: 'file', name, body: this.#fileBody() };
    const value = await this.#until(this.#delimiter, fieldBytesMax, `The form field "${name.slice(0, 64)}" is`);
    return { kind: 'field', name, value: textOf(value, name) };
  }

  async abandon(): Promise<void> {
    this.#ended = true;
    this.#file = null;
    this.#source?.giveBack();
    this.#source = null;
    await this.#body.abandon();
  }

  #fileBody(): BodySource {
    const file = Symbol('file');
    this.#file = file;
    return {
      next: () => this.#fileBatch(file),
      abandon: () => this.#skip(file).catch(() => {}),
    };
  }

  async #skip(file: symbol): Promise<void> {
    for (let batch = await this.#fileBatch(file); batch; batch = await this.#fileBatch(file)) batch.release();
  }

  /** The rest of the current source as far as it belongs to the file; null behind the file's end. */
  async #fileBatch(file: symbol): Promise<BodyBatch | null> {
    const slices: Buffer[] = [];
    while (this.#file === file) {
      if (this.#here.length === 0) {
        if (this.#pending.length === 0 && slices.length > 0) break;
        await this.#more();
      }
      const slice = this.#kept.length > 0 ? this.#acrossBuffers() : this.#withinBuffer();
      if (slice.length > 0) slices.push(slice);
    }
    if (slices.length === 0 || !this.#source) return null;
    const release = this.#source.lend();
    return { buffers: slices, bytes: slices.reduce((sum, slice) => sum + slice.length, 0), release };
  }

  /** File bytes of the current buffer, up to the delimiter or what may be its beginning. */
  #withinBuffer(): Buffer {
    const here = this.#here;
    const at = here.indexOf(this.#delimiter);
    if (at !== -1) {
      this.#file = null;
      this.#here = here.subarray(at + this.#delimiter.length);
      return here.subarray(0, at);
    }
    const end = here.length - beginningAtEnd(here, this.#delimiter);
    this.#kept = Buffer.from(here.subarray(end));
    this.#here = nothing;
    return here.subarray(0, end);
  }

  /** Decides about the bytes that were kept, now that more have come. */
  #acrossBuffers(): Buffer {
    const kept = this.#kept;
    const { length } = this.#delimiter;
    const joint = Buffer.concat([kept, this.#here.subarray(0, length - 1)]);
    const at = joint.indexOf(this.#delimiter);
    this.#kept = nothing;
    if (at !== -1) {
      this.#file = null;
      this.#here = this.#here.subarray(at + length - kept.length);
      return joint.subarray(0, at);
    }
    if (this.#here.length >= length - 1) return kept;
    const end = joint.length - beginningAtEnd(joint, this.#delimiter);
    this.#kept = joint.subarray(end);
    this.#here = nothing;
    return joint.subarray(0, end);
  }

  /** Reads over the first boundary. What is not a form is said so at its first byte, not at its end. */
  async #begin(): Promise<void> {
    const opening = this.#delimiter.subarray(lineEnd.length);
    await this.#peek(lineEnd.length);
    if (this.#here.subarray(0, lineEnd.length).equals(lineEnd)) this.#here = this.#here.subarray(lineEnd.length);
    // Checked before more is waited for, too: what is not a form may be shorter than the boundary.
    this.#checkOpening(opening);
    await this.#peek(opening.length, 'its first boundary');
    this.#checkOpening(opening);
    this.#here = this.#here.subarray(opening.length);
    this.#begun = true;
  }

  #checkOpening(opening: Buffer): void {
    const seen = this.#here.subarray(0, opening.length);
    if (seen.equals(opening.subarray(0, seen.length))) return;
    const shown = JSON.stringify(this.#here.toString('latin1', 0, 24));
    throw refused(
      `The Content-Type declares multipart/form-data with the boundary ${this.#boundary}, but the body does not begin with it: it begins with ${shown}.`,
    );
  }

  /** Whether the boundary that was just read is the closing one; otherwise its line is read to the end. */
  async #closes(): Promise<boolean> {
    await this.#peek(2);
    this.#ended = this.#here.toString('latin1', 0, 2) === '--';
    if (this.#ended) return true;
    const padding = await this.#until(lineEnd, paddingBytesMax, 'A line with a boundary is');
    if (padding.toString('latin1').trim() !== '') throw malformed('something stands behind a boundary');
    return false;
  }

  /** The bytes before `needle`, which is read over. */
  async #until(needle: Buffer, bytesMax: number, what: string): Promise<Buffer> {
    let before: Buffer = nothing;
    for (;;) {
      if (this.#here.length === 0) await this.#more();
      const room = bytesMax + needle.length - before.length;
      const seen = Buffer.concat([before, this.#here.subarray(0, room)]);
      const at = seen.indexOf(needle);
      if (at !== -1) {
        this.#here = this.#here.subarray(at + needle.length - before.length);
        return seen.subarray(0, at);
      }
      if (seen.length >= bytesMax + needle.length) throw refused(`${what} longer than ${bytesMax} bytes.`);
      this.#here = nothing;
      before = seen;
    }
  }

  /** Makes sure that so many bytes are in `#here`. */
  async #peek(bytes: number, awaited?: string): Promise<void> {
    while (this.#here.length < bytes) {
      const before = Buffer.from(this.#here);
      await this.#more(awaited);
      this.#here = Buffer.concat([before, this.#here]);
    }
  }

  /** Goes on to the next buffer. Throws at the end of the body, which no form reaches before its closing boundary. */
  async #more(awaited = 'its closing boundary'): Promise<void> {
    for (;;) {
      const buffer = this.#pending.shift();
      if (buffer && buffer.length > 0) {
        this.#here = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        return;
      }
      if (buffer) continue;
      const first = this.#source === null;
      this.#source?.giveBack();
      const batch = await this.#body.next();
      if (!batch && first) throw refused('The body is empty; it has to be multipart/form-data.');
      if (!batch) throw malformed(`it ends before ${awaited}`);
      this.#source = new Loan(batch);
      this.#pending = [...batch.buffers];
    }
  }
}

/** A batch of the body that is released when the reader and everybody who has slices of it are through. */
class Loan {
  readonly #batch: BodyBatch;
  readonly #users = new Set<symbol>();
  readonly #reader = Symbol('reader');

  constructor(batch: BodyBatch) {
    this.#batch = batch;
    this.#users.add(this.#reader);
  }

  /** The returned function ends the use; again is fine. */
  lend(): () => void {
    const user = Symbol('user');
    this.#users.add(user);
    return () => this.#end(user);
  }

  giveBack(): void {
    this.#end(this.#reader);
  }

  #end(user: symbol): void {
    if (this.#users.delete(user) && this.#users.size === 0) this.#batch.release();
  }
}

/** How many bytes at the end of `bytes` are the beginning of `needle`; not all of it. */
function beginningAtEnd(bytes: Buffer, needle: Buffer): number {
  for (let length = Math.min(needle.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(needle.subarray(0, length))) return length;
  }
  return 0;
}

function textOf(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused(`The form field "${name.slice(0, 64)}" is not text in UTF-8.`);
  }
}

function malformed(reason: string): HoldfastError {
  return refused(`The body is not well-formed multipart/form-data: ${reason}.`);
}

function refused(message: string): HoldfastError {
  return new HoldfastError('invalid-request', message);
}
