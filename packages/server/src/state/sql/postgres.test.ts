/** What is particular to the PostgreSQL engine: order of events, retries, lost connections, schema versions. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { sampleEvent, sampleUpload, unique } from '../../testing/sample-upload.ts';
import { SharedPostgres } from '../../testing/test-state.ts';
import { migrations } from './migrate.ts';
import { openPostgresState, type State } from './open.ts';
import { PostgresEngine } from './postgres.ts';

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
const options = { connectionsMax: 4, statementTimeoutMs: 2_000 };

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
    expect(runs).toBe(8);
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

describe('a database that goes away', () => {
  it('is unavailable, and used again once it is back', async () => {
    const proxy = await cuttableProxy(Number(new URL(url).port));
    const through = new URL(url);
    through.port = String(proxy.port);
    const cut = await openPostgresState({ url: through.href, clock: systemClock, holder: unique('process') });
    const upload = sampleUpload();
    await cut.uploads.create(upload, [], [], plenty);
    proxy.cut();
    await expect(cut.uploads.find(upload.id)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(cut.uploads.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(
      cut.uploads.decide(upload.id, null, (current) => ({ kind: 'accept', next: current, events: [], writes: [] })),
    ).rejects.toMatchObject({ code: 'unavailable' });
    proxy.mend();
    expect(await cut.uploads.find(upload.id)).toEqual(upload);
    const sleeping = cut.uploads.ping();
    proxy.cut();
    await sleeping.catch((error: unknown) => expect(error).toMatchObject({ code: 'unavailable' }));
    await cut.close();
    await proxy.close();
  });

  it('was never there: opening says so', async () => {
    await expect(PostgresEngine.open({ url: 'postgres://x@127.0.0.1:1/x', ...options })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('the schema', () => {
  it('is made once by processes that start together, and a newer one is refused', async () => {
    const fresh = await postgres.createDatabase();
    const engines = await Promise.all(Array.from({ length: 4 }, () => PostgresEngine.open({ url: fresh, ...options })));
    await Promise.all(engines.map((engine) => engine.close()));
    const version = (migrations.at(-1)?.version ?? 0) + 1;
    const next = { version, name: 'next', statements: () => ['create table future (x bigint)'] };
    await (await PostgresEngine.open({ url: fresh, ...options }, [...migrations, next])).close();
    await expect(PostgresEngine.open({ url: fresh, ...options })).rejects.toThrow(`schema version ${version}`);
  });
});

/** Passes connections on to the server, until it cuts them all and takes no more. */
async function cuttableProxy(
  target: number,
): Promise<{ port: number; cut(): void; mend(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((near) => {
    if (!open) {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    for (const [socket, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => peer.destroy());
      socket.pipe(peer);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    open = false;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend: () => {
      open = true;
    },
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
