/** The fields of a command, such as the beginning of an upload, out of a urlencoded, multipart or JSON body. */
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { type BodyKind, type DeclaredType, declaredType, looksLike, mediaTypes } from './declared-type.ts';
import type { FormIntake } from './form-intake.ts';

/** By name. Words in forms; in JSON whatever was sent. */
export type Fields = ReadonlyMap<string, unknown>;

/** File names may have a thousand characters, escaped to nine times as many bytes. */
const bodyBytesMax = 64 * 1024;
export const fieldsMax = 32;

/** Throws `invalid-request` when the body is not what its Content-Type declares, naming both, and when it is empty. */
export async function commandFields(request: FastifyRequest, intake: FormIntake): Promise<Fields> {
  return fieldsOf(await gather(intake.body(request)), request, intake);
}

/** The same for a command that needs no fields: then the body may be empty. */
export async function optionalFields(request: FastifyRequest, intake: FormIntake): Promise<Fields> {
  const bytes = await gather(intake.body(request));
  return bytes.length === 0 ? new Map() : await fieldsOf(bytes, request, intake);
}

async function fieldsOf(bytes: Buffer, request: FastifyRequest, intake: FormIntake): Promise<Fields> {
  const type = declaredType(request);
  const text = textOf(bytes, type);
  const looks = looksLike(text);
  if (type.kind === null) throw unknownType(type, looks);
  if (text === '') throw new HoldfastError('invalid-request', 'The body is empty; the fields belong into it.');
  if (looks !== type.kind) throw mismatch(type, looks);
  switch (type.kind) {
    case 'urlencoded':
      return collected(urlencodedPairs(text));
    case 'json':
      return collected(Object.entries(jsonObject(text)));
    case 'multipart':
      return collected(await multipartPairs(bytes, type.boundary ?? '', intake));
  }
}

/** Names that are given twice are refused: which of the two counts is anybody's guess. */
export function collected(pairs: Iterable<readonly [string, unknown]>): Fields {
  const fields = new Map<string, unknown>();
  for (const [name, value] of pairs) {
    if (fields.has(name))
      throw new HoldfastError('invalid-request', `The field ${name.slice(0, 64)} is given more than once.`);
    fields.set(name, value);
    if (fields.size > fieldsMax)
      throw new HoldfastError('invalid-request', `The body has more than ${fieldsMax} fields.`);
  }
  return fields;
}

async function gather(body: BodySource): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (let batch = await body.next(); batch; batch = await body.next()) {
      bytes += batch.bytes;
      if (bytes > bodyBytesMax)
        throw new HoldfastError('invalid-request', `The fields have more than ${bodyBytesMax} bytes.`);
      parts.push(Buffer.concat(batch.buffers));
      batch.release();
    }
  } finally {
    await body.abandon();
  }
  return Buffer.concat(parts);
}

function textOf(bytes: Buffer, type: DeclaredType): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const message = `The body is not text in UTF-8, so it is not ${type.kind === null ? 'a form' : type.name}.`;
    throw new HoldfastError('invalid-request', message, { cause });
  }
}

function urlencodedPairs(text: string): [string, string][] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [unescaped(pair), ''] : [unescaped(pair.slice(0, at)), unescaped(pair.slice(at + 1))];
    });
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new HoldfastError('invalid-request', 'The body has percent-escapes that are not UTF-8.', { cause });
  }
}

function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError('invalid-request', `The body is not well-formed JSON: ${reason.slice(0, 200)}.`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HoldfastError('invalid-request', 'The JSON body has to be an object with the fields.');
  return value;
}

async function multipartPairs(bytes: Buffer, boundary: string, intake: FormIntake): Promise<[string, string][]> {
  const limits = { file: null, partsMax: fieldsMax, fieldBytesMax: bodyBytesMax };
  const form = intake.form(gathered(bytes), boundary, limits);
  const pairs: [string, string][] = [];
  try {
    for (let part = await form.next(); part; part = await form.next()) {
      if (part.kind === 'field') pairs.push([part.name, part.value]);
    }
  } finally {
    await form.abandon();
  }
  return pairs;
}

/** Bytes that are here already, as the body that a form is read from. */
function gathered(bytes: Buffer): BodySource {
  let given = false;
  return {
    next: async () => {
      if (given) return null;
      given = true;
      return { buffers: [bytes], bytes: bytes.length, release: () => {} };
    },
    abandon: async () => {},
  };
}

function mismatch(type: DeclaredType, looks: BodyKind | null): HoldfastError {
  const found = looks === null ? 'something else' : mediaTypes[looks];
  const message = `Content-Type mismatch: the request declares ${type.name}, but its body is ${found}. Send the body in the type that the header names.`;
  return new HoldfastError('invalid-request', message);
}

function unknownType(type: DeclaredType, looks: BodyKind | null): HoldfastError {
  const taken = `${mediaTypes.urlencoded}, ${mediaTypes.multipart} or ${mediaTypes.json}`;
  const hint = looks === null ? '' : `; its body looks like ${mediaTypes[looks]}`;
  return new HoldfastError('invalid-request', `The request has to declare ${taken}; it has ${type.name}${hint}.`);
}
