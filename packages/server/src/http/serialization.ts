/** Answers have the fields of their schema and no others. Each serializer is built when its first answer leaves: all at once took a second of every start. */
import serializerSelector from '@fastify/fast-json-stringify-compiler';
import type { FastifySerializerCompiler } from 'fastify';
import { nativeSchemas } from '../dialects/native/plugin.ts';

type Serialize = ReturnType<FastifySerializerCompiler<unknown>>;

export function compileSerializer(): FastifySerializerCompiler<unknown> {
  const shared = Object.fromEntries(nativeSchemas.map((schema) => [Reflect.get(schema, '$id'), schema]));
  const compile = serializerSelector()(shared, {});
  return ({ schema, method, url, httpStatus = '' }) => {
    let serialize: Serialize | null = null;
    return (answer) => {
      serialize ??= compile({ schema, method, url, httpStatus });
      return serialize(answer);
    };
  };
}
