/** /v1/uploads: creation, status, list, pause, resume, complete, cancel. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type CreateUpload, type UploadState, uploadStates } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { UploadView } from '../../uploads/view.ts';
import type { NativeContext } from './context.ts';
import { renderSummary, renderUpload } from './render.ts';
import { Id, uploadTags as tags, uploadAnswer } from './upload-schemas.ts';

export function uploadRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const { uploads } = context;
  const render = (view: UploadView) => renderUpload(view, uploads.direct !== null);
  return async (app) => {
    app.post(
      '/v1/uploads',
      {
        schema: {
          tags,
          summary: 'Create an upload',
          body: Type.Ref('CreateUpload'),
          response: { ...uploadAnswer, 201: Type.Ref('Upload') },
        },
      },
      async (request, reply) => {
        const wish = request.body as CreateUpload;
        const view = await uploads.create({
          ...context.caller(request),
          protocol: 'native',
          filename: wish.filename,
          size: wish.size,
          ...(wish.contentType === undefined ? {} : { contentType: wish.contentType }),
          ...(wish.chunkSize === undefined ? {} : { chunkSize: wish.chunkSize }),
          ...(wish.sha256 === undefined ? {} : { expectedDigest: { algorithm: 'sha-256', value: wish.sha256 } }),
          ...(wish.metadata === undefined ? {} : { metadata: wish.metadata }),
        });
        return reply.code(201).header('location', `/v1/uploads/${view.upload.id}`).send(render(view));
      },
    );

    app.get(
      '/v1/uploads/:id',
      { schema: { tags, summary: 'Status with missing ranges, speed and ETA', params: Id, response: uploadAnswer } },
      async (request) => render(await uploads.status({ id: request.params.id, ...context.caller(request) })),
    );

    const query = Type.Object({
      state: Type.Optional(Type.String({ maxLength: 128, description: 'One or more states, separated by commas.' })),
      filename: Type.Optional(Type.String({ maxLength: 256, description: 'Part of the file name.' })),
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
    });
    app.get(
      '/v1/uploads',
      {
        schema: { tags, summary: 'List, newest first', querystring: query, response: { 200: Type.Ref('UploadList') } },
      },
      async (request) => {
        const { state, ...filter } = request.query;
        const page = await uploads.list({
          ...filter,
          principal: context.principal(request),
          ...(state === undefined ? {} : { phases: statesOf(state) }),
        });
        return { items: page.items.map(renderSummary), cursor: page.cursor };
      },
    );
  };
}

function statesOf(text: string): UploadState[] {
  return text.split(',').map((word) => {
    const state = uploadStates.find((known) => known === word.trim());
    if (!state)
      throw new HoldfastError(
        'invalid-request',
        `"${word}" is not a state; the states are ${uploadStates.join(', ')}.`,
      );
    return state;
  });
}
