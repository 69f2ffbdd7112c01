/**
 * Resumable uploads of the IETF HTTP working group (draft-ietf-httpbis-resumable-upload, editor's copy of July 2026; docs/ietf.md) as one
 * Fastify plugin. Registered with its prefix, which is the path of the collection.
 */
// For `hide`: this API is described by the draft, not by our OpenAPI document.
import type { IncomingHttpHeaders } from 'node:http';
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { IetfContext } from './context.ts';
import { answerCreation } from './creation.ts';
import { Exchange, takeBodiesUnparsed } from './exchange.ts';
import { speaksDraft } from './interop.ts';
import { refusalOf } from './problems.ts';
import { answerAppend, answerCancel, answerOffset } from './upload-resource.ts';

export { ietfProtocol } from './context.ts';

export const ietfPrefix = '/ietf-files';

/**
 * Where a request that names the draft belongs when it is sent to `shared`, the address of another protocol: clients that know one address
 * for both are served. Others stay where they are.
 */
export function draftAddress(url: string, shared: string, headers: IncomingHttpHeaders): string {
  const isThere = url === shared || url.startsWith(`${shared}/`) || url.startsWith(`${shared}?`);
  const isTus = headers['tus-resumable'] !== undefined;
  return isThere && !isTus && speaksDraft(headers) ? ietfPrefix + url.slice(shared.length) : url;
}

/** Response headers that pages of other origins have to be allowed to read. */
export const ietfExposedHeaders = [
  'upload-offset',
  'upload-complete',
  'upload-incomplete',
  'upload-length',
  'upload-limit',
  'upload-draft-interop-version',
  'accept-patch',
  'content-location',
  'repr-digest',
];

type OfUpload = { Params: { id: string } };

export function ietfDialect(wiring: IetfContext): FastifyPluginAsync {
  return async (app) => {
    const refuse = wiring.answerErrorAs(refusalOf);
    const context = { ...wiring, refuse };
    app.setErrorHandler(refuse);
    takeBodiesUnparsed(app);
    const schema = { hide: true };
    const collection = app.prefix;

    app.route({
      // Any method with content (draft, "Upload Creation"); what it targets is the collection.
      method: ['POST', 'PUT', 'PATCH'],
      url: '/',
      schema,
      handler: (request, reply) => answerCreation(new Exchange(context, request, reply), collection),
    });
    app.options('/', { schema }, async (request, reply) => {
      new Exchange(context, request, reply).sayLimits(null);
      return reply.code(204).send();
    });
    app.route<OfUpload>({
      method: ['HEAD', 'GET'],
      url: '/:id',
      schema,
      handler: (request, reply) => answerOffset(new Exchange(context, request, reply), request.params.id),
    });
    app.patch<OfUpload>('/:id', { schema }, (request, reply) =>
      answerAppend(new Exchange(context, request, reply), request.params.id),
    );
    // tus-js-client's `overridePatchMethod`, for networks that let no PATCH through; the draft knows nothing of it.
    app.post<OfUpload>('/:id', { schema }, (request, reply) => {
      if (request.headers['x-http-method-override']?.toString().toUpperCase() !== 'PATCH')
        throw new HoldfastError('route-not-found', 'An upload takes a POST only with X-HTTP-Method-Override: PATCH.');
      return answerAppend(new Exchange(context, request, reply), request.params.id);
    });
    app.delete<OfUpload>('/:id', { schema }, (request, reply) =>
      answerCancel(new Exchange(context, request, reply), request.params.id),
    );
    app.options<OfUpload>('/:id', { schema }, async (request, reply) => {
      new Exchange(context, request, reply).sayLimits(null);
      return reply.header('accept-patch', 'application/partial-upload').code(204).send();
    });
  };
}
