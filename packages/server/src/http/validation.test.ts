import { Ajv } from 'ajv';
import formatsPlugin from 'ajv-formats';
import { expect, test } from 'vitest';
import { nativeSchemas } from '../dialects/native/plugin.ts';

const addFormats = formatsPlugin as unknown as (ajv: Ajv) => void;

test.each(nativeSchemas.map((schema) => [String(Reflect.get(schema, '$id')), schema] as const))(
  'schema %s is one',
  (_id, schema) => {
    const ajv = new Ajv({ strict: false });
    addFormats(ajv);
    for (const other of nativeSchemas) ajv.addSchema(other);
    expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
  },
);

test('a schema that is none is told apart', () => {
  expect(new Ajv({ strict: false }).validateSchema({ type: 'nonsense' })).toBe(false);
});
