/**
 * The tables of an SQLite file into an empty PostgreSQL database, in batches by primary key. Each batch and how far it goes are one
 * transaction, so a transfer that was interrupted goes on behind its last batch; at the end every table is read from both sides and
 * compared. Until then the database refuses servers. The file is only read.
 */
import Database from 'better-sqlite3';
import pg from 'pg';
import { HoldfastError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { PartMap } from '../../core/ports/part-map.ts';
import { partnerName } from './ledger-inbox.ts';
import { migrations, schemaVersion, transferVersion } from './migrate.ts';
import { SqlPartMap } from './part-map.ts';
import { PostgresEngine } from './postgres.ts';
import { bigintAsNumber } from './postgres-pool.ts';
import {
  batchQuery,
  digestOf,
  inOrder,
  isRefusal,
  keyOf,
  left,
  quoted,
  type Row,
  refusedRow,
  storableRow,
  type Table,
  type Value,
} from './transfer-tables.ts';

export interface TableReport {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 over all rows in the order of their keys; the same on both sides. */
  readonly sha256: string;
}

export interface TransferOptions {
  /** The SQLite file; its server is stopped. */
  readonly file: string;
  /** postgres://… */
  readonly url: string;
  /** Names the source, so that another one is not mixed with it. */
  readonly source: string;
  readonly clock: Clock;
  /** Asked between batches. */
  stopped(): boolean;
  progress(table: string, rows: number, of: number): void;
}

export class Transfer {
  readonly #options: TransferOptions;
  readonly #from: Database.Database;
  readonly #to: pg.Client;
  #engine: PostgresEngine | null = null;

  private constructor(options: TransferOptions, from: Database.Database, to: pg.Client) {
    this.#options = options;
    this.#from = from;
    this.#to = to;
  }

  /**
   * Rejects with `unavailable` when one of the two cannot be used or the file has another schema, and with `invalid-request` when the
   * database has something else in it.
   */
  static async begin(options: TransferOptions): Promise<Transfer> {
    const from = openSource(options.file);
    const to = clientOf(options.url);
    try {
      await to.connect();
      const transfer = new Transfer(options, from, to);
      await transfer.#begin();
      return transfer;
    } catch (error) {
      from.close();
      await to.end().catch(() => {});
      if (error instanceof HoldfastError) throw error;
      throw new HoldfastError('unavailable', `The target database cannot be used: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Copies what is missing and compares everything; null when it was stopped before. */
  async tables(): Promise<TableReport[] | null> {
    const tables = this.#tables();
    for (const table of tables) if (!(await this.#copy(table))) return null;
    const reports: TableReport[] = [];
    for (const table of tables) {
      if (this.#options.stopped()) return null;
      reports.push(await this.#compare(table));
    }
    return reports;
  }

  /** Rows of a small question to the source. */
  ask<R>(sql: string, ...parameters: readonly Value[]): R[] {
    return this.#from.prepare(sql).all(...parameters) as R[];
  }

  /** Where the bytes of unfinished uploads are, when they go to a bucket. */
  async partMap(): Promise<PartMap> {
    const { url, clock } = this.#options;
    const known = [{ version: transferVersion, name: 'transfer', statements: () => [] }];
    this.#engine ??= await PostgresEngine.open({ url, clock, connectionsMax: 2, statementTimeoutMs: 0 }, { known });
    return new SqlPartMap(this.#engine);
  }

  /** From now on servers may use the database. */
  async finish(): Promise<void> {
    await this.#to.query('begin');
    await this.#to.query('delete from holdfast_schema where version = $1', [transferVersion]);
    await this.#to.query('drop table holdfast_transfer');
    await this.#to.query('commit');
  }

  async close(): Promise<void> {
    this.#from.close();
    await this.#engine?.close();
    await this.#to.end();
  }

  async #begin(): Promise<void> {
    const newest = migrations.at(-1)?.version ?? 0;
    const [found] = this.ask<{ version: number | null }>(schemaVersion);
    if (found?.version !== newest)
      throw new HoldfastError(
        'unavailable',
        `The source has schema version ${found?.version ?? 'none'}, and this version of Holdfast moves ${newest}. Start this version once on the folder and stop it.`,
      );
    if (this.ask(`select 1 from meta where name = '${partnerName}'`).length > 0)
      throw new HoldfastError(
        'invalid-request',
        'The uploads of this folder are in Redis: let them finish there, and move what is left with the tools of the database.',
      );
    const begun = await this.#to.query<{ there: boolean }>(
      `select to_regclass('holdfast_transfer') is not null as there`,
    );
    if (begun.rows[0]?.there === true) return await this.#goOn();
    const engine = await PostgresEngine.open({
      url: this.#options.url,
      connectionsMax: 1,
      statementTimeoutMs: 0,
      clock: this.#options.clock,
    });
    await engine.close();
    await this.#refuseRows();
    await this.#to.query('begin');
    await this.#to.query(
      'create table holdfast_transfer (name text primary key, source text not null, last_key text, rows bigint not null)',
    );
    await this.#to.query('insert into holdfast_transfer values ($1, $2, null, 0)', ['', this.#options.source]);
    await this.#to.query('insert into holdfast_schema (version, name) values ($1, $2)', [transferVersion, 'transfer']);
    await this.#to.query('commit');
  }

  async #goOn(): Promise<void> {
    const { rows } = await this.#to.query<{ source: string }>(`select source from holdfast_transfer where name = ''`);
    if (rows[0]?.source === this.#options.source) return;
    throw new HoldfastError(
      'invalid-request',
      'Another data folder is being moved to this database. Go on with that one, or take an empty database.',
    );
  }

  async #refuseRows(): Promise<void> {
    for (const { name } of this.#tables()) {
      const { rows } = await this.#to.query(`select 1 from ${quoted(name)} limit 1`);
      if (rows.length === 0) continue;
      throw new HoldfastError(
        'invalid-request',
        `The database is not empty: its table ${name} has rows. Moving needs a database of its own; create another one.`,
      );
    }
  }

  /** Without the parts of the full-text index, which each engine makes by itself. */
  #tables(): Table[] {
    const names = this.ask<{ name: string }>(
      `select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like 'search_terms%' order by name`,
    );
    const tables = names
      .filter(({ name }) => !left.has(name))
      .map(({ name }) => {
        const all = this.#from.pragma(`table_info(${quoted(name)})`) as { name: string; pk: number }[];
        const keys = all.filter((column) => column.pk > 0).sort((a, b) => a.pk - b.pk);
        const needs = (this.#from.pragma(`foreign_key_list(${quoted(name)})`) as { table: string }[]).map(
          (key) => key.table,
        );
        return { name, columns: all.map((column) => column.name), keys: keys.map((key) => key.name), needs };
      });
    return inOrder(tables);
  }

  /** False when it was stopped. */
  async #copy(table: Table): Promise<boolean> {
    const { stopped, progress } = this.#options;
    const known = await this.#to.query<{ last_key: string | null; rows: number }>(
      'select last_key, rows from holdfast_transfer where name = $1',
      [table.name],
    );
    let after: Row | null = known.rows[0]?.last_key == null ? null : (JSON.parse(known.rows[0].last_key) as Row);
    let rows = known.rows[0]?.rows ?? 0;
    const [count] = this.ask<{ n: number }>(`select count(*) as n from ${quoted(table.name)}`);
    for (;;) {
      progress(table.name, rows, count?.n ?? 0);
      const batch = this.#sourceBatch(table, after);
      const last = batch.at(-1);
      if (last === undefined) return true;
      if (stopped()) return false;
      after = keyOf(table, last);
      try {
        await this.#insert(table, batch, { after, rows: rows + batch.length });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        await this.#insertEach(table, batch, rows);
      }
      rows += batch.length;
    }
  }

  /** Of a batch that was refused; says which row it is. */
  async #insertEach(table: Table, batch: readonly Row[], before: number): Promise<void> {
    for (const [i, row] of batch.entries()) {
      const after = keyOf(table, row);
      try {
        await this.#insert(table, [row], { after, rows: before + i + 1 });
      } catch (cause) {
        throw isRefusal(cause) ? refusedRow(table, after, cause) : cause;
      }
    }
  }

  async #insert(table: Table, batch: readonly Row[], to: { after: Row; rows: number }): Promise<void> {
    const columns = table.columns.map(quoted).join(', ');
    const records = batch.map((row) => {
      const values = storableRow(table, row);
      return Object.fromEntries(table.columns.map((column, i) => [column, values[i] ?? null]));
    });
    // Passages are numbered by the database itself; that number means nothing elsewhere, but keeps their order.
    const numbered = table.name === 'search_documents' ? 'overriding system value' : '';
    await this.#to.query('begin');
    try {
      await this.#to.query(
        `insert into ${quoted(table.name)} (${columns}) ${numbered}
         select ${columns} from json_populate_recordset(null::${quoted(table.name)}, $1)`,
        [JSON.stringify(records)],
      );
      if (numbered !== '')
        await this.#to.query(
          `select setval(pg_get_serial_sequence('search_documents', 'id'), (select max(id) from search_documents))`,
        );
      await this.#to.query(
        `insert into holdfast_transfer values ($1, $2, $3, $4)
         on conflict (name) do update set last_key = excluded.last_key, rows = excluded.rows`,
        [table.name, this.#options.source, JSON.stringify(to.after), to.rows],
      );
      await this.#to.query('commit');
    } catch (error) {
      await this.#to.query('rollback').catch(() => {});
      throw error;
    }
  }

  async #compare(table: Table): Promise<TableReport> {
    const source = await digestOf(table, async (after) => this.#sourceBatch(table, after));
    const target = await digestOf(table, (after) => this.#targetBatch(table, after));
    if (source.rows === target.rows && source.sha256 === target.sha256) return { table: table.name, ...target };
    throw new HoldfastError(
      'storage-damaged',
      `Table ${table.name} is not the same on both sides: ${source.rows} rows here, ${target.rows} there. Start again with an empty database.`,
    );
  }

  #sourceBatch(table: Table, after: Row | null): Row[] {
    const { sql, values } = batchQuery(table, after, () => '?');
    return this.#from
      .prepare(sql)
      .raw()
      .all(...values) as Row[];
  }

  async #targetBatch(table: Table, after: Row | null): Promise<Row[]> {
    const { sql, values } = batchQuery(table, after, (i) => `$${i + 1}`);
    return (await this.#to.query({ text: sql, values: [...values], rowMode: 'array' })).rows as Row[];
  }
}

function openSource(file: string): Database.Database {
  try {
    return new Database(file, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw new HoldfastError('unavailable', `The source cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

function clientOf(url: string): pg.Client {
  return new pg.Client({ connectionString: url, application_name: 'holdfast-migrate', types: bigintAsNumber });
}
