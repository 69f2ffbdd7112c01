/** Tables as they are moved: in batches in the order of their keys. */
import { createHash } from 'node:crypto';
import { invariant } from '../../core/errors.ts';

const rowsPerBatch = 500;

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly keys: readonly string[];
  /** Tables that its rows refer to. */
  readonly needs: readonly string[];
}

export type Value = string | number | null;
export type Row = readonly Value[];

/** Each behind those that its rows refer to. */
export function inOrder(tables: readonly Table[]): Table[] {
  const placed: Table[] = [];
  const isPlaced = (name: string) => placed.some((table) => table.name === name);
  while (placed.length < tables.length) {
    const next = tables.find(
      ({ name, needs }) => !isPlaced(name) && needs.every((need) => need === name || isPlaced(need)),
    );
    invariant(next !== undefined, 'tables do not refer to each other in a circle');
    placed.push(next);
  }
  return placed;
}

export function batchQuery(table: Table, after: Row | null, place: (index: number) => string) {
  const keys = table.keys.map(quoted).join(', ');
  const where = after === null ? '' : `where (${keys}) > (${table.keys.map((_key, i) => place(i)).join(', ')})`;
  const columns = table.columns.map(quoted).join(', ');
  return {
    sql: `select ${columns} from ${quoted(table.name)} ${where} order by ${keys} limit ${rowsPerBatch}`,
    values: after ?? [],
  };
}

export async function digestOf(table: Table, next: (after: Row | null) => Promise<Row[]>) {
  const hash = createHash('sha256');
  let rows = 0;
  let after: Row | null = null;
  for (;;) {
    const batch: Row[] = await next(after);
    const last = batch.at(-1);
    if (last === undefined) return { rows, sha256: hash.digest('hex') };
    for (const row of batch) hash.update(`${JSON.stringify(row)}\n`);
    rows += batch.length;
    after = keyOf(table, last);
  }
}

export function keyOf(table: Table, row: Row): Row {
  return table.keys.map((key) => row[table.columns.indexOf(key)] ?? null);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
