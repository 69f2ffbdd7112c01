/** What a request says that its body is, and what the body looks like. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';

export type BodyKind = 'urlencoded' | 'multipart' | 'json';

export interface DeclaredType {
  /** Null for any other type. */
  readonly kind: BodyKind | null;
  /** For people: the type without its parameters, or that there is none. */
  readonly name: string;
  readonly boundary: string | null;
}

export const mediaTypes: Readonly<Record<BodyKind, string>> = {
  urlencoded: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
  json: 'application/json',
};

const declaredTypes = new WeakMap<IncomingMessage, string>();

/** The dialect reads bodies itself, whatever their type and even a malformed one: Fastify would refuse those in words that help nobody. */
export function takeBodiesUnparsed(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    declaredTypes.set(raw, raw.headers['content-type'] ?? '');
    raw.headers['content-type'] = 'application/octet-stream';
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

/** The Content-Type as it was sent; empty without one. */
export function declaredHeader(request: FastifyRequest): string {
  return declaredTypes.get(request.raw) ?? '';
}

/** Throws `invalid-request` for a charset other than UTF-8 and for a multipart type without a usable boundary. */
export function declaredType(request: FastifyRequest): DeclaredType {
  const header = declaredHeader(request);
  const name = (header.split(';')[0] ?? '').trim().toLowerCase();
  const kind = (Object.keys(mediaTypes) as BodyKind[]).find((one) => mediaTypes[one] === name) ?? null;
  const charset = parameter(header, 'charset');
  if (charset !== null && !/^(?:utf-?8|us-ascii)$/i.test(charset))
    throw new HoldfastError('invalid-request', `Forms are taken in UTF-8; the Content-Type declares ${charset}.`);
  const boundary = kind === 'multipart' ? parameter(header, 'boundary') : null;
  // The characters of RFC 2046 §5.1.1.
  if (kind === 'multipart' && !/^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary ?? ''))
    throw new HoldfastError(
      'invalid-request',
      'The Content-Type declares multipart/form-data without a usable boundary. Let your HTTP client set this header by itself.',
    );
  return { kind, name: name === '' ? 'no Content-Type' : name.slice(0, 100), boundary };
}

function parameter(header: string, name: string): string | null {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^\\s;]*))`, 'i').exec(header);
  return match ? (match[1] ?? match[2] ?? '') : null;
}

/** What the bytes themselves say; null when they do not tell. A form never begins like JSON: its clients escape these characters. */
export function looksLike(text: string): BodyKind | null {
  const head = text.trimStart();
  if (/^[[{"]/.test(head)) return 'json';
  if (/^--[^\r\n]+\r?\n/.test(head)) return 'multipart';
  return /^[^\s=&]+=/.test(head) ? 'urlencoded' : null;
}

/** The boundary of a request that has to be multipart/form-data with those fields. Throws `invalid-request`. */
export function boundaryOf(request: FastifyRequest, fields: string): string {
  const { kind, name, boundary } = declaredType(request);
  if (kind === 'multipart' && boundary !== null) return boundary;
  const message = `A chunk is sent as multipart/form-data with ${fields}; the request declares ${name}.`;
  throw new HoldfastError('invalid-request', message);
}
