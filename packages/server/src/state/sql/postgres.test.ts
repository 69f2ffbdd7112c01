/** What is particular to the PostgreSQL engine: order of events, retries, lost connections, schema versions. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { sampleEvent, sampleUpload, unique } from '../../testing/sample-upload.ts';
import { SharedPostgres } from '../../testing/test-state.ts';
import { EventLog } from './events.ts';
import { migrations } from './migrate.ts';
import { openPostgresState, type State } from './open.ts';
import { PostgresEngine, postgresDialect } from './postgres.ts';

const postgres = new SharedPostgres();
let url = '';
let state: State;
beforeAll(async () => {
  url = await postgres.createDatabase();
  state = await openPostgresState({ url, clock: systemClock, holder: unique('process') });
});
afterAll(async () => {
  await state.close();
  await postgres.stop();
});

const plenty = 1_000_000;
const raw = (sql: string, ...parameters: unknown[]) => ({ ...Object.create(null), sql, parameters });
const options = { clock: systemClock, connectionsMax: 4, statementTimeoutMs: 2_000, patienceMs: 500 };

async function client(to = url): Promise<pg.Client> {
  const own = new pg.Client({ connectionString: to });
  await own.connect();
  return own;
}

async function appended(types: readonly string[], principal: string, to = state): Promise<void> {
  await to.uploads.create(
    sampleUpload({ principal }),
    types.map((type) => sampleEvent(type)),
    [],
    plenty,
  );
}

describe('events', () => {
  it('are not seen while a transaction that began earlier can still append some', async () => {
    const principal = unique('principal');
    const early = await client();
    await early.query('begin');
    // The way in which the store numbers them, from a transaction that takes its time.
    await early.query(
      `insert into events (id, subject, subject_id, seq, principal, at, type, message, data)
       values (((select value from meta where name = 'event_base') + pg_current_xact_id()::text::bigint) * 4096, 'upload', $1, 1, $2, 1, 'early', '', '{}')`,
      [unique('upload'), principal],
    );
    await appended(['late 1', 'late 2'], principal);
    const read = async () =>
      (await state.uploads.events({ principal, after: 0, limit: 10 })).map((event) => event.type);
    expect(await read()).toEqual([]);
    await early.query('commit');
    await early.end();
    expect(await read()).toEqual(['early', 'late 1', 'late 2']);
  });

  it('go on rising in a database that was restored on a server with fewer transactions', async () => {
    const restored = await postgres.createDatabase();
    const principal = unique('principal');
    const before = await openPostgresState({ url: restored, clock: systemClock, holder: 'a' });
    await appended(['old'], principal, before);
    await before.close();
    const sql = await client(restored);
    // As if the server that the dump was made on had counted a billion transactions more.
    await sql.query('update events set id = id + 4096 * 1000000000::bigint');
    await sql.end();
    const after = await openPostgresState({ url: restored, clock: systemClock, holder: 'b' });
    await appended(['new'], principal, after);
    expect((await after.uploads.events({ principal, after: 0, limit: 10 })).map((event) => event.type)).toEqual([
      'old',
      'new',
    ]);
    await after.close();
  });
});

it('events of an upload are numbered in their order, whoever got ahead while a transaction waited', async () => {
  const upload = sampleUpload();
  await state.uploads.create(upload, [sampleEvent('created')], [], plenty);
  const engine = await PostgresEngine.open({ url, ...options });
  const log = new EventLog(postgresDialect);
  let runs = 0;
  await engine.write(async (session) => {
    runs += 1;
    // The number of this transaction is from before the other one's.
    await session.rows(raw('select pg_current_xact_id()'));
    if (runs === 1)
      await state.uploads.decide(upload.id, null, (current) => ({
        ...{ kind: 'accept', next: current, events: [sampleEvent('first')], writes: [] },
      }));
    const lock = raw('select last_event from uploads where id = $1 for no key update', upload.id);
    const [row] = await session.rows<{ last_event: number }>(lock);
    const subject = {
      kind: 'upload',
      id: upload.id,
      principal: upload.principal,
      lastEvent: row?.last_event ?? 0,
    } as const;
    await log.append(session, subject, [sampleEvent('second')]);
    await session.change(raw('update uploads set last_event = last_event + 1 where id = $1', upload.id));
  });
  expect(runs).toBe(2);
  const events = await state.uploads.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 10 });
  expect(events.map((event) => event.type)).toEqual(['created', 'first', 'second']);
  await engine.close();
});

it('events keep their order while nodes start beside others that append', async () => {
  const busy = await postgres.createDatabase();
  const running = await openPostgresState({ url: busy, clock: systemClock, holder: 'running' });
  const sql = await client(busy);
  const base = async () => (await sql.query(`select value from meta where name = 'event_base'`)).rows;
  const before = await base();
  let over = false;
  const appending = Array.from({ length: 4 }, async () => {
    while (!over) await appended(['a'], 'p', running);
  });
  // A migration has its number from its first change on, and takes its time.
  for (let i = 0; i < 5; i += 1) {
    const statements = () => [`create table later_${i} (x bigint)`, 'select pg_sleep(0.1)'];
    const known = [...migrations, { version: 1_000 + i, name: 'later', statements }];
    await (await PostgresEngine.open({ ...options, url: busy }, { known })).close();
  }
  over = true;
  await Promise.all(appending);
  // Raised, it would let a transaction that is under way number its events below those that were read already.
  expect(await base()).toEqual(before);
  await sql.end();
  await running.close();
});

describe('transactions', () => {
  it('are run again when they got into each other’s way', async () => {
    const engine = await PostgresEngine.open({ url, ...options });
    await engine.write((session) => session.change(raw(`insert into meta values ('x', 0), ('y', 0)`)));
    let runs = 0;
    const both = (first: string, second: string) =>
      engine.write(async (session) => {
        runs += 1;
        await session.change(raw('update meta set value = value + 1 where name = $1', first));
        await session.rows(raw('select pg_sleep(0.1)'));
        await session.change(raw('update meta set value = value + 1 where name = $1', second));
      });
    await Promise.all([both('x', 'y'), both('y', 'x')]);
    expect(runs).toBeGreaterThan(2);
    expect(await engine.read(raw(`select value from meta where name in ('x', 'y')`))).toEqual([
      { value: 2 },
      { value: 2 },
    ]);
    await engine.close();
  });

  it('are given up after a while when they always fail', async () => {
    const engine = await PostgresEngine.open({ url, ...options });
    let runs = 0;
    const always = engine.write(async (session) => {
      runs += 1;
      await session.rows(raw(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`));
    });
    await expect(always).rejects.toMatchObject({ code: 'unavailable' });
    expect(runs).toBe(12);
    await engine.close();
  });

  it('give up a statement that takes too long', async () => {
    const engine = await PostgresEngine.open({ url, ...options, statementTimeoutMs: 100 });
    await expect(engine.read(raw('select pg_sleep(5)'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(engine.write((session) => session.rows(raw('select pg_sleep(5)')))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(await engine.read(raw('select 1 as one'))).toEqual([{ one: 1 }]);
    await engine.close();
  });

  it('are on disk when they are acknowledged, whatever the default of the database is', async () => {
    const lax = await postgres.createDatabase();
    const admin = await client(lax);
    await admin.query(`alter database ${new URL(lax).pathname.slice(1)} set synchronous_commit = off`);
    await admin.end();
    const engine = await PostgresEngine.open({ url: lax, ...options });
    expect(await engine.read(raw('show synchronous_commit'))).toEqual([{ synchronous_commit: 'on' }]);
    await engine.close();
  });
});

describe('the schema', () => {
  it('is made once by processes that start together, and a newer one is refused', async () => {
    const fresh = await postgres.createDatabase();
    const engines = await Promise.all(Array.from({ length: 4 }, () => PostgresEngine.open({ url: fresh, ...options })));
    await Promise.all(engines.map((engine) => engine.close()));
    const next = { version: 1_000, name: 'next', statements: () => ['create table future (x bigint)'] };
    await (await PostgresEngine.open({ url: fresh, ...options }, { known: [...migrations, next] })).close();
    await expect(PostgresEngine.open({ url: fresh, ...options })).rejects.toThrow(/schema version 1000/);
  });
});
