/** /v1/uploads/:id/…: pause, resume, cancel, complete. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { UploadView } from '../../uploads/view.ts';
import type { NativeContext } from './context.ts';
import { renderUpload } from './render.ts';
import { Id, uploadTags as tags, uploadAnswer } from './upload-schemas.ts';

export function uploadCommands(context: NativeContext): FastifyPluginAsyncTypebox {
  const { uploads } = context;
  const render = (view: UploadView) => renderUpload(view, uploads.direct !== null);
  return async (app) => {
    app.post(
      '/v1/uploads/:id/pause',
      { schema: { tags, summary: 'Refuse chunks until resumed', params: Id, response: uploadAnswer } },
      async (request) => render(await uploads.pause({ id: request.params.id, ...context.caller(request) })),
    );
    app.post(
      '/v1/uploads/:id/resume',
      { schema: { tags, summary: 'Take chunks again', params: Id, response: uploadAnswer } },
      async (request) => render(await uploads.resume({ id: request.params.id, ...context.caller(request) })),
    );
    app.delete(
      '/v1/uploads/:id',
      { schema: { tags, summary: 'Cancel and free the bytes', params: Id, response: uploadAnswer } },
      async (request) => render(await uploads.cancel({ id: request.params.id, ...context.caller(request) })),
    );

    const wait = Type.Object({ wait: Type.Number({ minimum: 0, maximum: 60, default: 20, description: 'Seconds.' }) });
    const answer = { ...uploadAnswer, 202: Type.Ref('Upload') };
    app.post(
      '/v1/uploads/:id/complete',
      { schema: { tags, summary: 'Wait for the end', params: Id, querystring: wait, response: answer } },
      async (request, reply) => {
        const view = await uploads.complete(
          { id: request.params.id, ...context.caller(request) },
          request.query.wait * 1000,
        );
        return reply.code(view.upload.phase.name === 'completed' ? 200 : 202).send(render(view));
      },
    );
  };
}
