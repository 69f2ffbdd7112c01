/** Header fields of tus 1.0: what a request says, and what is not well-formed. */
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';

export const version = '1.0.0';

/** One field; null when it is not there. Repeated fields come joined by commas, which none of these may have. */
export function field(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  if (value === undefined) return null;
  return typeof value === 'string' ? value : value.join(', ');
}

/** The version has to be named, and to be ours. Throws `unsupported-version`. */
export function checkVersion(request: FastifyRequest): void {
  const given = field(request, 'tus-resumable');
  if (given === version) return;
  throw new HoldfastError(
    'unsupported-version',
    given === null
      ? `The request has no Tus-Resumable. This server speaks ${version}.`
      : `This server speaks tus ${version}, not ${given.slice(0, 32)}.`,
  );
}

/** A non-negative integer in decimal digits; null when the field is not there. Throws `invalid-size`. */
export function wholeNumber(request: FastifyRequest, name: string): number | null {
  const text = field(request, name);
  if (text === null) return null;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new HoldfastError(
    'invalid-size',
    `${name} is a number of bytes in decimal digits, not "${text.slice(0, 40)}".`,
  );
}

/** Bytes of the body as declared; null when it comes in chunks (RFC 9112 §7.1). */
export function bodyLength(request: FastifyRequest): number | null {
  if (field(request, 'transfer-encoding') !== null) return null;
  return Number(request.headers['content-length'] ?? 0);
}

export const bytesType = 'application/offset+octet-stream';

/** Throws `unsupported-type`. */
export function checkBytesType(declared: string | null): void {
  const essence = (declared?.split(';')[0] ?? '').trim().toLowerCase();
  if (essence === bytesType) return;
  const said =
    declared === null || declared === ''
      ? 'the request declares no type'
      : `the request declares ${essence.slice(0, 100)}`;
  throw new HoldfastError('unsupported-type', `Bytes are sent as Content-Type: ${bytesType}; ${said}.`);
}

/** `Upload-Length`, or null with `Upload-Defer-Length: 1`. Throws `invalid-size` and `invalid-request`. */
export function declaredLength(request: FastifyRequest): number | null {
  const length = wholeNumber(request, 'upload-length');
  const deferred = field(request, 'upload-defer-length');
  if (deferred !== null && deferred !== '1')
    throw new HoldfastError('invalid-request', 'Upload-Defer-Length has no other value than 1.');
  if ((length === null) === (deferred === null))
    throw new HoldfastError('invalid-request', 'A new upload has either Upload-Length or Upload-Defer-Length: 1.');
  return length;
}
