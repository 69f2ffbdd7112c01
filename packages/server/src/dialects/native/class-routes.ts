/** /v1/classes: how many steps of each class may run at once and do, and pausing one. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { ClassState } from '../../core/ports/run-control.ts';
import type { NativeContext } from './context.ts';
import { renderClass } from './run-render.ts';
import { onlyAdmins } from './scope.ts';

const Name = Type.Object({ name: Type.String({ maxLength: 200 }) });
const tags = ['classes'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };

export function classRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/classes',
      {
        schema: {
          tags,
          summary: 'Classes that this node takes, that have steps, or that are paused',
          response: { 200: Type.Ref('ClassList'), ...problems },
        },
      },
      async (request) => {
        context.principal(request);
        return { items: (await classes(context)).map((one) => renderClass(one, context.classLimits)) };
      },
    );

    const response = { 200: Type.Ref('Class'), ...problems };
    app.post(
      '/v1/classes/:name/pause',
      {
        schema: {
          tags,
          summary: 'Nothing of it starts any more, on any node; what runs may finish',
          params: Name,
          response,
        },
      },
      async (request) => {
        const by = onlyAdmins(context, request);
        const { name } = await known(context, request.params.name);
        await context.control.pauseClass(name, { by, now: context.now() });
        return renderClass(await known(context, name), context.classLimits);
      },
    );
    app.post(
      '/v1/classes/:name/resume',
      { schema: { tags, summary: 'Its steps start again', params: Name, response } },
      async (request) => {
        onlyAdmins(context, request);
        const { name } = await known(context, request.params.name);
        await context.control.resumeClass(name);
        context.notifyPipeline();
        const empty: ClassState = { name, running: 0, pending: 0, paused: null };
        const now = (await classes(context)).find((one) => one.name === name) ?? empty;
        return renderClass(now, context.classLimits);
      },
    );
  };
}

async function classes(context: NativeContext): Promise<ClassState[]> {
  const known = await context.control.classes();
  const idle = Object.keys(context.classLimits)
    .filter((name) => !known.some((one) => one.name === name))
    .map((name): ClassState => ({ name, running: 0, pending: 0, paused: null }));
  return [...known, ...idle].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A misspelt name would pause nothing, and nobody would know. Throws `class-not-found`. */
async function known(context: NativeContext, name: string): Promise<ClassState> {
  const all = await classes(context);
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const names = all.map((one) => one.name).join(', ');
  throw new HoldfastError('class-not-found', `There is no class ${name}. There are: ${names || 'none'}.`);
}
