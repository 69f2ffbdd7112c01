/** Single fields, checked. Forms carry words only, so a whole number may come as its digits, in JSON too. */
import { type ErrorCode, HoldfastError } from '../../core/errors.ts';
import type { Fields } from './command-fields.ts';

/** Throws `invalid-request` when it is missing, empty or not text. */
export function requiredText(fields: Fields, name: string): string {
  const text = optionalText(fields, name);
  if (text === undefined) throw missing(name);
  return text;
}

/** Absent when it is missing, null or empty. */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields.get(name);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new HoldfastError('invalid-request', `${name} has to be text.`);
  return value;
}

/** 0 or more. Throws `code` when it is anything else, `invalid-request` when it is missing. */
export function wholeNumber(fields: Fields, name: string, code: ErrorCode): number {
  const value = fields.get(name);
  if (value === undefined || value === null || value === '') throw missing(name);
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw new HoldfastError(code, `${name} has to be a whole number, 0 or more; got ${shown(value)}.`);
  return number;
}

/** Ids that cannot be ours are not looked for. */
export function uploadId(fields: Fields): string {
  const id = requiredText(fields, 'upload_id');
  if (!/^[\w-]{1,64}$/.test(id))
    throw new HoldfastError('upload-not-found', `There is no upload session ${shown(id)}; that is not one of our ids.`);
  return id;
}

function missing(name: string): HoldfastError {
  return new HoldfastError('invalid-request', `The field ${name} is missing.`);
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}
