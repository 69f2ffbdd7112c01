/** Single fields, checked. Forms carry words only, so a whole number may come as its digits, in JSON too. */
import { type ErrorCode, HoldfastError } from '../core/errors.ts';
import type { Fields } from './form-fields.ts';

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
  if (typeof value !== 'string') throw notText(name);
  return value;
}

/** Text that has to be there and may be empty. */
export function givenText(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === null) throw missing(name);
  if (typeof value !== 'string') throw notText(name);
  return value;
}

/** `true` and `false`, in words or in JSON. */
export function yesOrNo(fields: Fields, name: string, otherwise: boolean): boolean {
  const value = fields.get(name);
  if (value === undefined || value === null || value === '') return otherwise;
  const word = typeof value === 'object' ? '' : String(value).toLowerCase();
  if (word === 'true' || word === '1') return true;
  if (word === 'false' || word === '0') return false;
  throw refused('invalid-request', name, `${name} has to be true or false; got ${shown(value)}.`);
}

/** 0 or more. Throws `code` when it is anything else, `invalid-request` when it is missing. */
export function wholeNumber(fields: Fields, name: string, code: ErrorCode): number {
  const value = fields.get(name);
  if (value === undefined || value === null || value === '') throw missing(name);
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw refused(code, name, `${name} has to be a whole number, 0 or more; got ${shown(value)}.`);
  return number;
}

/** Ids that cannot be ours are not looked for. */
export function uploadId(fields: Fields, name: string): string {
  return checkedId(requiredText(fields, name));
}

/** Throws `upload-not-found`. */
export function checkedId(id: string): string {
  if (/^[\w-]{1,64}$/.test(id)) return id;
  throw new HoldfastError('upload-not-found', `There is no upload session ${shown(id)}; that is not one of our ids.`);
}

function missing(name: string): HoldfastError {
  return refused('invalid-request', name, `The field ${name} is missing.`);
}

function notText(name: string): HoldfastError {
  return refused('invalid-request', name, `${name} has to be text.`);
}

function refused(code: ErrorCode, field: string, message: string): HoldfastError {
  return new HoldfastError(code, message, { details: { field } });
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}
