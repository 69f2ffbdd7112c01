/** JSON bodies: gathered under a size limit and the same time-out as chunks, so that nobody holds a connection with half a request. */
import type { FastifyInstance } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import { type BodyOptions, RequestBody } from './body-source.ts';

/** Takes `application/json` and nothing else; routes with bodies of other types add their own parsers. */
export function takeJsonBodies(app: FastifyInstance, options: BodyOptions & { readonly bytesMax: number }): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, _payload, done) => {
    textOf(new RequestBody(request.raw, options), options.bytesMax).then(
      (text) =>
        parse(request, text, (error, value) => done(error !== null && isJson(text) ? poisoned() : error, value)),
      done,
    );
  });
}

/** The parser calls that no JSON, too. */
function poisoned(): HoldfastError {
  return new HoldfastError(
    'invalid-request',
    'The body has the key "__proto__", or "prototype" under "constructor"; these are refused.',
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function textOf(body: RequestBody, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (let batch = await body.next(); batch; batch = await body.next()) {
      bytes += batch.bytes;
      if (bytes > bytesMax) throw new HoldfastError('invalid-request', `The body is larger than ${bytesMax} bytes.`);
      // Copies: the bytes are gone once they are released.
      for (const buffer of batch.buffers) parts.push(Buffer.from(buffer));
      batch.release();
    }
  } finally {
    await body.abandon();
  }
  return Buffer.concat(parts).toString('utf8');
}
