/** Where a page ended: the sort key of its last item, opaque to clients. */
import { HoldfastError } from '../../core/errors.ts';
import type { Page } from '../../core/ports/upload-store.ts';

export interface Position {
  readonly createdAt: number;
  readonly id: string;
}

export function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify([position.createdAt, position.id])).toString('base64url');
}

/** Rejects what this server did not make with `invalid-request`. */
export function decodeCursor(cursor: string): Position {
  const parts = parse(cursor);
  const [createdAt, id] = parts;
  if (
    parts.length !== 2 ||
    typeof createdAt !== 'number' ||
    !Number.isSafeInteger(createdAt) ||
    typeof id !== 'string' ||
    !/^[\x20-\x7e]{1,200}$/.test(id)
  ) {
    throw new HoldfastError('invalid-request', 'The cursor is not one that this server gave out.', {
      details: { field: 'cursor' },
    });
  }
  return { createdAt, id };
}

function parse(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** Makes a page out of rows of which one more than `limit` was asked for. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  map: { readonly item: (row: R) => T; readonly position: (row: R) => Position },
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(map.item),
    cursor: rows.length > limit && last !== undefined ? encodeCursor(map.position(last)) : null,
  };
}
