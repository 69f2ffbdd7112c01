/** JSON bodies are taken as they are (the number "12" is not 12); query strings and parameters are words and get converted. */
import { Ajv, type ValidateFunction } from 'ajv';
import formatsPlugin from 'ajv-formats';
import type { FastifySchemaCompiler } from 'fastify';
import { nativeSchemas } from '../dialects/native/plugin.ts';

// ajv-formats is CommonJS whose default export is the function itself.
const addFormats = formatsPlugin as unknown as (ajv: Ajv) => void;

/** The schemas themselves are checked by a test, not at every start. */
export function compileValidator(): FastifySchemaCompiler<object> {
  const strict = new Ajv({
    coerceTypes: false,
    useDefaults: true,
    removeAdditional: false,
    allErrors: false,
    strict: false,
    validateSchema: false,
  });
  const lenient = new Ajv({
    coerceTypes: true,
    useDefaults: true,
    removeAdditional: false,
    allErrors: false,
    strict: false,
    validateSchema: false,
  });
  for (const ajv of [strict, lenient]) {
    addFormats(ajv);
    for (const schema of nativeSchemas) ajv.addSchema(schema);
  }
  return ({ schema, httpPart }) => atFirstUse(() => (httpPart === 'body' ? strict : lenient).compile(schema));
}

/** Compiling every schema of every route would be a good part of each start. Fastify reads what is wrong from the function. */
function atFirstUse(compile: () => ValidateFunction) {
  let compiled: ValidateFunction | null = null;
  const validate = Object.assign(
    (data: unknown) => {
      compiled ??= compile();
      const valid = compiled(data);
      validate.errors = compiled.errors ?? null;
      return valid;
    },
    { errors: null as NonNullable<ValidateFunction['errors']> | null },
  );
  return validate;
}
