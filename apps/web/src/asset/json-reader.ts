/** Reading JSON that we did not make: what is not as expected is absent, never wrong. */

export type Json = Readonly<Record<string, unknown>>;

export function objectAt(parent: Json | null, key: string): Json | null {
  return asObject(parent?.[key]);
}

export function objectsAt(parent: Json | null, key: string): Json[] {
  const list = parent?.[key];
  return Array.isArray(list) ? list.map(asObject).filter((item) => item !== null) : [];
}

export function numberAt(parent: Json | null, key: string): number | null {
  const value = parent?.[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function textAt(parent: Json | null, key: string): string | null {
  const value = parent?.[key];
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

export function asObject(value: unknown): Json | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
