/** Structured fields (RFC 9651) of the draft. A field with a value of another type counts as absent (draft, "State"). */
import { parseItem, serializeDictionary } from 'structured-headers';

/** A header as node:http gives it. */
export type FieldText = string | readonly string[] | undefined;

/** A non-negative Integer. */
export function integerField(header: FieldText): number | null {
  const value = itemOf(header);
  // The parser gives Decimals as numbers too.
  const isDecimal = /^\s*-?\d+\./.test(textOf(header) ?? '');
  return typeof value === 'number' && !isDecimal && value >= 0 ? value : null;
}

/** A Boolean. */
export function booleanField(header: FieldText): boolean | null {
  const value = itemOf(header);
  return typeof value === 'boolean' ? value : null;
}

export function formatBoolean(value: boolean): string {
  return value ? '?1' : '?0';
}

/** A Dictionary of Integers. */
export function formatIntegers(members: Readonly<Record<string, number>>): string {
  return serializeDictionary(members);
}

/** One field value; a field that was sent several times is one list (RFC 9110 §5.3). */
export function textOf(header: FieldText): string | undefined {
  return header === undefined || typeof header === 'string' ? header : header.join(', ');
}

function itemOf(header: FieldText): unknown {
  const text = textOf(header);
  if (text === undefined) return null;
  try {
    return parseItem(text)[0];
  } catch {
    return null;
  }
}
