/** What a request says that its body is. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const declaredTypes = new WeakMap<IncomingMessage, string>();

/** Bodies are bytes whatever their declared type, even a malformed one; nothing may parse or gather them, or refuse them in other words. */
export function takeBodiesUnparsed(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    const declared = raw.headers['content-type'];
    if (declared !== undefined) declaredTypes.set(raw, declared);
    raw.headers['content-type'] = 'application/octet-stream';
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

export function declaredType(request: FastifyRequest): string | null {
  return declaredTypes.get(request.raw) ?? null;
}
