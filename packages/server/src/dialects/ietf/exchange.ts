/** One request of the draft: what it says, and what its answer says about the upload. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { InterruptibleBody } from '../../core/ports/body-source.ts';
import type { Upload } from '../../core/upload.ts';
import type { Handle } from '../../uploads/service.ts';
import type { IetfContext } from './context.ts';
import { booleanField, formatBoolean, formatIntegers, integerField } from './fields.ts';
import { sendInterim } from './interim.ts';
import { type Interop, interopOf, mediaTypeOf } from './interop.ts';

const declaredTypes = new WeakMap<IncomingMessage, string>();

/** Bodies are bytes whatever their declared type, even a malformed one: Fastify would refuse those before the dialect is asked. */
export function takeBodiesUnparsed(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    declaredTypes.set(raw, raw.headers['content-type'] ?? '');
    raw.headers['content-type'] = 'application/octet-stream';
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

/** How an error is answered. */
export type Refuse = (cause: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

export class Exchange {
  readonly context: IetfContext & { readonly refuse: Refuse };
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly interop: Interop;
  #createdId: string | null = null;

  constructor(context: Exchange['context'], request: FastifyRequest, reply: FastifyReply) {
    this.context = context;
    this.request = request;
    this.reply = reply;
    this.interop = interopOf(request.headers);
    if (this.interop.version !== null) reply.header('upload-draft-interop-version', String(this.interop.version));
  }

  /** Whether the file ends with this request; null when it does not say. */
  get complete(): boolean | null {
    const { completeness } = this.interop;
    const value = booleanField(this.request.headers[completeness]);
    return value === null || completeness === 'upload-complete' ? value : !value;
  }

  get offset(): number | null {
    return integerField(this.request.headers['upload-offset']);
  }

  /** `Upload-Length`: bytes of the whole file. */
  get length(): number | null {
    return integerField(this.request.headers['upload-length']);
  }

  /** Bytes of the body; null when they come without a declared number (RFC 9112 §6). */
  get bodyLength(): number | null {
    const { 'transfer-encoding': coding, 'content-length': length } = this.request.headers;
    return coding === undefined ? Number(length ?? 0) : null;
  }

  /** Type and subtype of the body in lower case, empty when there is none; `full` with its parameters. */
  get contentType(): { essence: string; full: string } {
    const full = declaredTypes.get(this.request.raw) ?? '';
    return { essence: mediaTypeOf(full), full };
  }

  handle(id: string): Handle {
    const caller = this.context.caller(this.request);
    // Who may create an upload may send it in the same request and hear what became of it: what an upload token is good for is settled by then.
    return id === this.#createdId ? { ...caller, grant: null, id } : { ...caller, id };
  }

  /** The request has created an upload, which its credentials, as they were when it came in, do not know. */
  created({ id }: Upload): void {
    this.#createdId = id;
  }

  /** `true`: the answer comes from what became of the whole file, and nothing is to be resumed (draft, "Completeness"). */
  sayComplete(complete: boolean): void {
    const { completeness } = this.interop;
    this.reply.header(completeness, formatBoolean(completeness === 'upload-complete' ? complete : !complete));
  }

  sayOffset(offset: number): void {
    this.reply.header('upload-offset', String(offset));
  }

  /** `Upload-Limit`; without an upload, those for a new one. */
  sayLimits(upload: Upload | null): void {
    const limits = this.limits(upload);
    if (limits !== null) this.reply.header('upload-limit', limits);
  }

  /**
   * Answers at once, while the body may still be coming: a client that sends the rest of a large file need not send all of it to learn
   * that it was refused. The body is let go of before: what is left of it is thrown away from the answer on, by whoever sends that.
   */
  async refuse(error: unknown, body: InterruptibleBody): Promise<FastifyReply> {
    await body.abandon();
    if (error instanceof HoldfastError) this.sayError(error);
    return this.context.refuse(error, this.request, this.reply);
  }

  /** An error's own headers: where the upload goes on, if the error knows it. */
  private sayError(error: HoldfastError): void {
    const { offset } = error.details;
    if (typeof offset === 'number') this.sayOffset(offset);
    // The sender of a request that was ended by a newer one is not read any further.
    if (error.code === 'upload-taken-over') this.reply.header('connection', 'close');
  }

  /** An interim response that names the upload: the client can resume from here on, whatever happens to this request. */
  announce(upload: Upload, location: string): void {
    const limits = this.limits(upload);
    const fields = { Location: this.context.address(location), ...(limits === null ? {} : { 'Upload-Limit': limits }) };
    sendInterim(this, this.interop, fields);
  }

  /** An interim response with an offset; only of what is durable. */
  progress(upload: Upload): void {
    if (this.interop.progress) sendInterim(this, this.interop, { 'Upload-Offset': String(upload.receivedBytes) });
  }

  private limits(upload: Upload | null): string | null {
    const { limits, now } = this.context;
    const { lifetimeLimit } = this.interop;
    if (lifetimeLimit === null) return null;
    const leftMs = upload === null ? limits.uploadTtlMs : Math.max(0, upload.expiresAt - now());
    const ended = upload !== null && upload.phase.name === 'completed';
    const lifetime = ended ? {} : { [lifetimeLimit]: Math.floor(leftMs / 1000) };
    return formatIntegers({ 'max-size': limits.fileBytesMax, ...lifetime });
  }
}
