/** Queries that run again and again have to find their rows through an index, however many rows there are. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repeatedQueries } from '../../testing/repeated-queries.ts';
import { sqliteFile } from '../../testing/test-state.ts';
import { SqliteEngine, sqliteDialect } from './sqlite.ts';

const queries = repeatedQueries(sqliteDialect);

let engine: SqliteEngine | null = null;
let remove = async (): Promise<void> => {};
beforeAll(async () => {
  const made = await sqliteFile();
  remove = made.remove;
  engine = await SqliteEngine.open(made.file);
});
afterAll(async () => {
  await engine?.close();
  await remove();
});

/** A scan is fine when an index gives the order or all columns, or when it reads the few rows that a subquery left. */
function isWholeTable(detail: string): boolean {
  return /^SCAN (?!numbered|running|\(subquery)/.test(detail) && !/USING (COVERING )?INDEX/.test(detail);
}

it.each(Object.entries(queries))('%s uses an index', async (_, query) => {
  const plan = (await engine?.read<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` })) ?? [];
  const details = plan.map((row) => row.detail);
  expect(details.length).toBeGreaterThan(0);
  expect(details.filter(isWholeTable)).toEqual([]);
});

it('what is asked for in an order is not sorted first', async () => {
  for (const name of [
    'list',
    'dueToExpire',
    'abandoned',
    'toRelease',
    'live',
    'next step of a class',
    'claim',
    'runs of everybody',
    'failed runs',
    'running steps',
    'waiting steps',
    'failed steps',
    'failed steps to retry',
    'events of a principal',
    'assets of a principal',
    'assets of a kind',
    'events of everybody',
    'webhooks that are due',
    'webhooks that failed',
    'ended webhooks',
    'webhooks to give up',
    'recordings',
    'recordings of a subject',
  ]) {
    const query = queries[name];
    const plan = query
      ? await engine?.read<{ detail: string; parent: number }>({ ...query, sql: `explain query plan ${query.sql}` })
      : undefined;
    // What belongs to one row (its newest source, its newest run) may be sorted: that is a handful.
    const sorts = plan?.filter((row) => row.parent === 0 && row.detail.includes('TEMP B-TREE'));
    expect({ name, sorts }).toEqual({ name, sorts: [] });
  }
});

it('how many rows are wanted is no parameter: SQLite would plan the statement anew for every run', () => {
  const counted = Object.entries(queries).filter(([, { sql }]) => / limit \d/.test(sql));
  expect(counted.length).toBeGreaterThan(10);
  const bound = Object.entries(queries).filter(([, { sql }]) => /(limit|offset) \?/.test(sql));
  expect(bound.map(([name]) => name)).toEqual([]);
});
