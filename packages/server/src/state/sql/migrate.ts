/** Brings a database's schema up to this version of Holdfast. Forward only: an older binary refuses a newer schema. */
import { HoldfastError } from '../../core/errors.ts';
import { initial } from './migrations/0001-initial.ts';
import { append } from './migrations/0002-append.ts';
import { webhooks } from './migrations/0003-webhooks.ts';
import { recordings } from './migrations/0004-recordings.ts';
import { security } from './migrations/0005-security.ts';
import { wants } from './migrations/0006-wants.ts';
import { runs } from './migrations/0007-runs.ts';
import { watch } from './migrations/0008-watch.ts';
import { search } from './migrations/0009-search.ts';
import { nodes } from './migrations/0010-nodes.ts';
import { partMap } from './migrations/0011-part-map.ts';
import { nodeDeaths } from './migrations/0012-node-deaths.ts';
import { doubt } from './migrations/0015-doubt.ts';
import { forced } from './migrations/0016-forced.ts';
import { compared } from './migrations/0017-compared.ts';
import { lacks } from './migrations/0018-lacks.ts';
import { formats } from './migrations/0020-formats.ts';
import { deletions } from './migrations/0021-deletions.ts';
import { listed, oneOf, type WordList } from './word-list.ts';

/** Words of DDL that differ between the engines. */
export interface Ddl {
  readonly text: string;
  readonly int: string;
  readonly real: string;
  readonly bytes: string;
  /** A primary key that counts up (SQLite) or is given (PostgreSQL). */
  readonly counter: string;
  /** After the last parenthesis of a table. */
  readonly end: string;
  /** The same for tables that are kept in the order of their primary key where the engine can. */
  readonly clustered: string;
  /** Lets a column that is checked to have one of `values` have another value as well. */
  allowValue(change: {
    readonly table: string;
    readonly column: string;
    /** As the table was created with, in that order. */
    readonly values: readonly string[];
    readonly more: string;
  }): readonly string[];
  /**
   * Has conditions of tables and indexes compare with each word of a list where they look for it in the list. SQLite makes a table of its own for every list of
   * more than two words, at each run of a statement that depends on it: an update of an upload made ten of them, and took twice to thirty times as long. The
   * conditions of queries have to be written so, too (`oneOf`), or no partial index answers them.
   */
  compareEach(lists: readonly WordList[]): readonly string[];
}

/**
 * SQLite cannot change a condition in place. Its manual (lang_altertable, "Making Other Kinds Of Table Schema Changes") allows editing the text of a table for
 * changes that leave the stored rows as they are; copying the tables would take long, and lose columns that others added.
 */
function editSqliteSchema(edits: readonly { readonly from: string; readonly to: string; readonly where: string }[]) {
  const text = (words: string): string => `'${words.replaceAll("'", "''")}'`;
  return [
    'pragma writable_schema = on',
    ...edits.map(
      ({ from, to, where }) => `update sqlite_schema set sql = replace(sql, ${text(from)}, ${text(to)}) where ${where}`,
    ),
    'pragma writable_schema = reset',
  ];
}

export const sqliteDdl: Ddl = {
  text: 'text',
  int: 'integer',
  real: 'real',
  bytes: 'blob',
  counter: 'integer primary key autoincrement',
  end: ' strict',
  clustered: ' strict, without rowid',
  allowValue({ table, column, values, more }) {
    const where = `type = 'table' and name = '${table}'`;
    const edit = (condition: (list: WordList) => string) => ({
      from: `check (${condition({ column, values })})`,
      to: `check (${condition({ column, values: [...values, more] })})`,
      where,
    });
    return editSqliteSchema([edit(listed), edit(oneOf)]);
  },
  compareEach: (lists) =>
    editSqliteSchema(lists.map((list) => ({ from: listed(list), to: oneOf(list), where: 'sql is not null' }))),
};

// Byte order ("C") as in SQLite: keys are compared the same way, and an operating system's new locale data cannot break an index.
export const postgresDdl: Ddl = {
  text: 'text collate "C"',
  int: 'bigint',
  real: 'double precision',
  bytes: 'bytea',
  counter: 'bigint primary key',
  end: '',
  clustered: '',
  allowValue: ({ table, column, values, more }) => [
    `alter table ${table} drop constraint ${table}_${column}_check`,
    `alter table ${table} add constraint ${table}_${column}_check check (${listed({ column, values: [...values, more] })})`,
  ],
  compareEach: () => [],
};

export interface Migration {
  readonly version: number;
  readonly name: string;
  statements(ddl: Ddl): readonly string[];
}

/** All migrations, in the order of their versions. */
export const migrations: readonly Migration[] = [
  initial,
  append,
  webhooks,
  recordings,
  security,
  wants,
  runs,
  watch,
  search,
  nodes,
  partMap,
  nodeDeaths,
  doubt,
  forced,
  compared,
  lacks,
  formats,
  deletions,
];

/** Stands in the place of a version while a database is being filled from another one, so that no server takes it for whole. */
export const transferVersion = 1_000_000;

/** Creates the table that the version is recorded in. */
export const schemaTable =
  'create table if not exists holdfast_schema (version integer primary key, name text not null)';

/** Reads the highest version recorded; null in a new database. */
export const schemaVersion = 'select max(version) as version from holdfast_schema';

/**
 * The statements that bring a database up to date, recording each version. To be run in one transaction that also read `current` and
 * that excludes other processes. Throws `unavailable` when the database is newer than this version of Holdfast.
 */
export function missingStatements(
  current: number,
  ddl: Ddl,
  known: readonly Migration[] = migrations,
): readonly string[] {
  const newest = known.at(-1)?.version ?? 0;
  if (current === transferVersion && newest !== transferVersion)
    throw new HoldfastError(
      'unavailable',
      'A move of a data folder to this database has begun and is not finished. Run `holdfast migrate` again; it goes on where it was.',
    );
  if (current > newest) {
    throw new HoldfastError(
      'unavailable',
      `The database has schema version ${current}, but this version of Holdfast knows none newer than ${newest}. Start the newer Holdfast, or restore the backup made before it was upgraded.`,
    );
  }
  return known
    .filter((migration) => migration.version > current)
    .flatMap((migration) => [
      ...migration.statements(ddl),
      `insert into holdfast_schema (version, name) values (${migration.version}, '${migration.name}')`,
    ]);
}
