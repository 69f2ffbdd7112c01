/** What is particular to the SQLite engine: durability settings, group commit, full disks, schema versions. */
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sqliteFile } from '../../testing/test-state.ts';
import { migrations } from './migrate.ts';
import { SqliteEngine } from './sqlite.ts';
import { SqliteConnection } from './sqlite-connection.ts';

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
  it('syncs every commit, also after the first write', () => {
    for (const mode of ['write', 'read'] as const) {
      const connection = new SqliteConnection(file, mode);
      if (mode === 'write') connection.exec('create table if not exists t (x integer)');
      const pragma = (name: string) =>
        Object.values(connection.all<Record<string, unknown>>({ sql: `pragma ${name}`, parameters: [] })[0] ?? {})[0];
      expect([pragma('journal_mode'), pragma('synchronous'), pragma('foreign_keys'), pragma('busy_timeout')]).toEqual([
        'wal',
        2,
        1,
        5_000,
      ]);
      connection.assertDurable();
      if (mode === 'write') {
        connection.exec('pragma synchronous = normal');
        expect(() => connection.assertDurable()).toThrow(/synchronous is 1 and has to be 2/);
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
  const newest = migrations.at(-1)?.version ?? 0;

  it('of a newer version is refused', async () => {
    const next = { version: newest + 1, name: 'next', statements: () => ['create table future (x integer) strict'] };
    await (await SqliteEngine.open(file, [...migrations, next])).close();
    await expect(SqliteEngine.open(file)).rejects.toThrow(
      `schema version ${newest + 1}, but this version of Holdfast knows none newer than ${newest}`,
    );
    await (await SqliteEngine.open(file, [...migrations, next])).close();
  });

  it('is not changed by a migration that fails halfway', async () => {
    await (await SqliteEngine.open(file)).close();
    const bad = {
      version: newest + 1,
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
