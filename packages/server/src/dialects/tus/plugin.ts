/** tus 1.0.0 at /files: core protocol and all its extensions. Registered without a prefix. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import { checksumAlgorithms } from './checksum.ts';
import { tusPrefix } from './concat.ts';
import type { TusContext } from './context.ts';
import { create } from './create.ts';
import { takeBodiesUnparsed } from './declared-type.ts';
import { checkVersion, field, version } from './fields.ts';
import { refusalOf } from './refusals.ts';
import { get, head, patch, terminate } from './resource.ts';

const extensions = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'expiration',
  'checksum',
  'checksum-trailer',
  'termination',
  'concatenation',
  'concatenation-unfinished',
];

/** What pages of other origins may read of answers; which requests they may make is asked for, and granted, header by header. */
const exposedHeaders = [
  'location',
  'retry-after',
  'tus-checksum-algorithm',
  'tus-extension',
  'tus-max-size',
  'tus-resumable',
  'tus-version',
  'upload-concat',
  'upload-defer-length',
  'upload-expires',
  'upload-length',
  'upload-metadata',
  'upload-offset',
  'holdfast-asset',
  'holdfast-upload-state',
];
const cors = { methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'], exposedHeaders };

type Answer = (request: FastifyRequest, reply: FastifyReply, context: TusContext) => Promise<FastifyReply>;
type Verbs = Readonly<Partial<Record<string, Answer>>>;

const onCollection: Verbs = { POST: create };
const onUpload: Verbs = { HEAD: head, PATCH: patch, DELETE: terminate, GET: get };
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

export function tusDialect(context: TusContext): FastifyPluginAsync {
  return async (app) => {
    const answer = context.answerErrorAs(refusalOf);
    app.setErrorHandler((cause, request, reply) => {
      if (cause instanceof HoldfastError && cause.code === 'unsupported-version') reply.header('tus-version', version);
      return answer(cause, request, reply);
    });
    app.addHook('onSend', async (_request, reply) => void reply.header('tus-resumable', version));
    takeBodiesUnparsed(app);

    const schema = { hide: true, response: {} };
    for (const [url, verbs] of [
      [tusPrefix, onCollection],
      [`${tusPrefix}/`, onCollection],
      [`${tusPrefix}/:id`, onUpload],
    ] as const) {
      app.route({
        method: methods,
        url,
        schema,
        config: { cors },
        handler: (request, reply) => dispatch(verbs, request, reply, context),
      });
      // A request for the server's abilities, or of a browser for leave (CORS): neither brings credentials.
      const preflight = { ...cors, preflightContinue: true, strictPreflight: false };
      app.options(url, { schema, config: { cors: preflight, public: true } }, async (_request, reply) =>
        abilities(reply, context),
      );
    }
  };
}

async function dispatch(
  verbs: Verbs,
  request: FastifyRequest,
  reply: FastifyReply,
  context: TusContext,
): Promise<FastifyReply> {
  const method = (field(request, 'x-http-method-override') ?? request.method).toUpperCase();
  if (method === 'OPTIONS') return abilities(reply, context);
  const verb = verbs[method];
  const path = (request.url.split('?')[0] ?? '').slice(0, 200);
  if (verb === undefined)
    throw new HoldfastError('route-not-found', `There is nothing at ${method.slice(0, 20)} ${path}.`);
  // A browser that follows a link names no version.
  if (verb !== get || field(request, 'tus-resumable') !== null) checkVersion(request);
  return await verb(request, reply, context);
}

function abilities(reply: FastifyReply, { limits }: TusContext): FastifyReply {
  return reply
    .code(204)
    .headers({
      'tus-version': version,
      'tus-extension': extensions.join(','),
      'tus-max-size': limits.fileBytesMax,
      'tus-checksum-algorithm': checksumAlgorithms,
    })
    .send();
}
