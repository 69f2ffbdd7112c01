/** JSON bodies are taken as they are (the number "12" is not 12); query strings and parameters are words and get converted. */
import { Ajv, type ValidateFunction } from 'ajv';
import formatsPlugin from 'ajv-formats';
import type { FastifySchemaCompiler } from 'fastify';
import { nativeSchemas } from '../dialects/native/plugin.ts';

// ajv-formats is CommonJS whose default export is the function itself.
const addFormats = formatsPlugin as unknown as (ajv: Ajv) => void;

export function compileValidator(): FastifySchemaCompiler<object> {
  const strict = new Ajv({
    coerceTypes: false,
    useDefaults: true,
    removeAdditional: false,
    allErrors: false,
    strict: false,
  });
  const lenient = new Ajv({
    coerceTypes: true,
    useDefaults: true,
    removeAdditional: false,
    allErrors: false,
    strict: false,
  });
  for (const ajv of [strict, lenient]) {
    addFormats(ajv);
    for (const schema of nativeSchemas) ajv.addSchema(schema);
  }
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : lenient).compile(schema) as ValidateFunction;
}
