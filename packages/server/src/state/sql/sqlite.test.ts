/** What is particular to the SQLite engine: durability settings, group commit, full disks, schema versions. */
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Phase } from '../../core/upload.ts';
import { sampleUpload } from '../../testing/sample-upload.ts';
import { sqliteFile } from '../../testing/test-state.ts';
import { migrations } from './migrate.ts';
import { SqliteEngine, sqliteDialect } from './sqlite.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { uploadQueries } from './upload-queries.ts';
import { uploadToRow } from './upload-rows.ts';

let file = '';
let remove = async (): Promise<void> => {};
beforeEach(async () => {
  ({ file, remove } = await sqliteFile());
});
afterEach(() => remove());

const raw = (sql: string, ...parameters: unknown[]) => ({ ...Object.create(null), sql, parameters });
const note = (name: string) => raw('insert into meta (name, value) values (?, 1)', name);

async function names(engine: SqliteEngine): Promise<string[]> {
  return (await engine.read<{ name: string }>(raw('select name from meta order by name'))).map((row) => row.name);
}

describe('a connection', () => {
  it('syncs its log before it moves pages from it, also after the first write', () => {
    for (const mode of ['write', 'read'] as const) {
      const connection = new SqliteConnection(file, mode);
      if (mode === 'write') connection.exec('create table if not exists t (x integer)');
      const pragma = (name: string) =>
        Object.values(connection.all<Record<string, unknown>>({ sql: `pragma ${name}`, parameters: [] })[0] ?? {})[0];
      expect([pragma('journal_mode'), pragma('synchronous'), pragma('foreign_keys'), pragma('busy_timeout')]).toEqual([
        'wal',
        1,
        1,
        5_000,
      ]);
      connection.assertDurable();
      if (mode === 'write') {
        connection.exec('pragma synchronous = off');
        expect(() => connection.assertDurable()).toThrow(/synchronous is 0 and has to be 1/);
      }
      connection.close();
    }
  });

  it('refuses what is not a database, or not in a folder that is there', async () => {
    await expect(SqliteEngine.open(`${file}/not/there.db`)).rejects.toMatchObject({ code: 'unavailable' });
    const other = new Database(file);
    other.exec('create table t (x)');
    other.close();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(file, 'This is not a database. '.repeat(100));
    await expect(SqliteEngine.open(file)).rejects.toMatchObject({ code: 'storage-damaged' });
  });
});

describe('the schema', () => {
  it('of a newer version is refused', async () => {
    const next = { version: 1_000, name: 'next', statements: () => ['create table future (x integer) strict'] };
    await (await SqliteEngine.open(file, [...migrations, next])).close();
    await expect(SqliteEngine.open(file)).rejects.toThrow(
      /schema version 1000, but this version of Holdfast knows none newer than \d+\./,
    );
    await (await SqliteEngine.open(file, [...migrations, next])).close();
  });

  const schema = () => raw(`select name, sql from sqlite_schema where sql is not null order by name`);

  it('has no condition with a list of more than two words, which SQLite makes a table of at each run', async () => {
    const engine = await SqliteEngine.open(file);
    const made = await engine.read<{ name: string; sql: string }>(schema());
    expect(made.length).toBeGreaterThan(50);
    expect(made.filter(({ sql }) => /\bin \(('[^']*',\s*){2,}/.test(sql))).toEqual([]);
    await engine.close();
  });

  it('from before conditions were written so keeps its rows, its indexes and what it refuses', async () => {
    const before = await SqliteEngine.open(
      file,
      migrations.filter(({ version }) => version < 17),
    );
    const { insert, live } = uploadQueries(sqliteDialect);
    const lease = { holder: 'node', until: 1 };
    const phases: Phase[] = [{ name: 'receiving' }, { name: 'validating', lease }, { name: 'cancelled', at: 1 }];
    for (const phase of phases)
      await before.write((session) => session.change(insert(uploadToRow(sampleUpload({ phase })))));
    await before.close();

    const engine = await SqliteEngine.open(file);
    expect((await engine.read(live('', 10))).map(({ state }) => state).sort()).toEqual(['receiving', 'validating']);
    expect(await engine.read(raw('pragma integrity_check'))).toEqual([{ integrity_check: 'ok' }]);
    const change = (state: string) =>
      engine.write((session) => session.change(raw(`update uploads set state = ? where state = 'receiving'`, state)));
    await expect(change('elsewhere')).rejects.toThrow(/CHECK constraint failed/);
    await change('paused');
    expect((await engine.read(live('', 10))).map(({ state }) => state).sort()).toEqual(['paused', 'validating']);
    await engine.close();
  });

  it('is not changed by a migration that fails halfway', async () => {
    await (await SqliteEngine.open(file)).close();
    const bad = {
      version: 1_000,
      name: 'bad',
      statements: () => ['create table half (x integer) strict', 'create nonsense'],
    };
    await expect(SqliteEngine.open(file, [...migrations, bad])).rejects.toThrow(/syntax error/);
    const engine = await SqliteEngine.open(file);
    expect(await engine.read(raw(`select name from sqlite_master where name = 'half'`))).toEqual([]);
    await engine.close();
  });

  it('is made once by processes that start together', async () => {
    const engines = await Promise.all(Array.from({ length: 4 }, () => SqliteEngine.open(file)));
    await Promise.all(engines.map((engine) => engine.close()));
  });
});

describe('group commit', () => {
  it('commits work of one turn together, and undoes only what threw', async () => {
    const engine = await SqliteEngine.open(file);
    const order: string[] = [];
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) =>
        engine.write(async (session) => {
          order.push(`begin ${name}`);
          await session.change(note(name));
          order.push(`end ${name}`);
          // Nobody sees anything before the commit that all share.
          expect(await names(engine)).toEqual([]);
          if (name === 'b') throw new Error('b is broken');
          return name;
        }),
      ),
    );
    expect(order).toEqual(['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c']);
    expect(results).toMatchObject([{ value: 'a' }, { reason: { message: 'b is broken' } }, { value: 'c' }]);
    expect(await names(engine)).toEqual(['a', 'c']);
    await engine.close();
  });

  it('tells listeners only of events that were committed', async () => {
    const engine = await SqliteEngine.open(file);
    const heard = vi.fn();
    engine.onAppend(heard);
    await engine
      .write(async (session) => {
        session.appended += 1;
        throw new Error('undone');
      })
      .catch(() => {});
    await engine.write((session) => session.change(note('x')));
    expect(heard).not.toHaveBeenCalled();
    await engine.write(async (session) => {
      session.appended += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toHaveBeenCalledTimes(1);
    await engine.close();
  });

  it('rejects with insufficient-storage when the file cannot grow, keeps what was acknowledged and goes on afterwards', async () => {
    const engine = await SqliteEngine.open(file);
    await engine.write((session) => session.change(note('kept')));
    const pages =
      (await engine.write((session) => session.rows<{ page_count: number }>(raw('pragma page_count'))))[0]
        ?.page_count ?? 0;
    await engine.write((session) => session.rows(raw(`pragma max_page_count = ${pages + 2}`)));
    const big = raw('insert into meta (name, value) values (?, 1)', 'x'.repeat(100_000));
    const results = await Promise.allSettled([
      engine.write((session) => session.change(note('with it'))),
      engine.write((session) => session.change(big)),
    ]);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: 'insufficient-storage', retryable: true } });
    await engine.write((session) => session.rows(raw('pragma max_page_count = 1000000')));
    await engine.write((session) => session.change(note('after')));
    const expected = ['after', 'kept', ...(results[0].status === 'fulfilled' ? ['with it'] : [])];
    expect(await names(engine)).toEqual(expected);
    await engine.close();
  });

  it('finishes what was accepted before it closes, and takes nothing more', async () => {
    const engine = await SqliteEngine.open(file);
    const accepted = engine.write((session) => session.change(note('last')));
    await engine.close();
    expect(await accepted).toBe(1);
    await expect(engine.write((session) => session.change(note('late')))).rejects.toMatchObject({
      code: 'shutting-down',
    });
    await engine.close();
  });

  it('reports a database that another process does not let go of as unavailable', async () => {
    const engine = await SqliteEngine.open(file);
    await engine.write((session) => session.rows(raw('pragma busy_timeout = 10'))).catch(() => {});
    const other = new Database(file);
    other.exec('begin immediate');
    await expect(engine.write((session) => session.change(note('x')))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    other.exec('rollback');
    other.close();
    await engine.write((session) => session.change(note('x')));
    await engine.close();
  });
});
