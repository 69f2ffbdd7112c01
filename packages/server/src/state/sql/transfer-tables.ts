/** Tables as they are moved: in batches in the order of their keys. */
import { createHash } from 'node:crypto';
import { HoldfastError, invariant } from '../../core/errors.ts';
import { codeOf } from './postgres-errors.ts';
import { subjectKey } from './recordings.ts';
import { storable } from './storable.ts';

const rowsPerBatch = 500;
/** Of a key, in what is said of a row that is refused. */
const keyCharsShown = 300;

/** Not moved: what belongs to processes that live, to one database, or to one engine. */
export const left: ReadonlySet<string> = new Set([
  ...['holdfast_schema', 'meta', 'nodes', 'leases', 'extent_claims', 'upload_locks'],
  // Of the stores of bytes, which are filled by themselves.
  ...['part_maps', 'pieces', 'garbage_objects'],
]);

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

/** What SQLite kept and PostgreSQL would refuse, as servers on PostgreSQL write it: zero characters, and long subjects in an index. */
export function storableRow(table: Table, row: Row): Row {
  return row.map((value, i) => {
    if (typeof value !== 'string') return value;
    const isSubject = table.name === 'recordings' && table.columns[i] === 'subject_folded';
    return storable(isSubject ? subjectKey(value) : value);
  });
}

/** Over rows as PostgreSQL has them. */
export async function digestOf(table: Table, next: (after: Row | null) => Promise<Row[]>) {
  const hash = createHash('sha256');
  let rows = 0;
  let after: Row | null = null;
  for (;;) {
    const batch: Row[] = await next(after);
    const last = batch.at(-1);
    if (last === undefined) return { rows, sha256: hash.digest('hex') };
    for (const row of batch) hash.update(`${JSON.stringify(storableRow(table, row))}\n`);
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

/** A value that does not fit, a limit that is exceeded, a constraint: the same rows would be refused again. */
export function isRefusal(error: unknown): error is Error {
  return /^(?:22|23|54)/.test(codeOf(error) ?? '');
}

export function refusedRow({ name }: Table, key: Row, cause: Error): HoldfastError {
  const shown = JSON.stringify(key).slice(0, keyCharsShown);
  return new HoldfastError(
    'storage-damaged',
    `PostgreSQL does not take the row of table ${name} with the key ${shown}: ${cause.message}. What was moved before it stays.`,
    { cause },
  );
}
