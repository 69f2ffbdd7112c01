/** E2: the moment of a backup. What is done with it: test/e2e/backup-postgres.test.ts. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { sampleEvent, sampleUpload } from '../../testing/sample-upload.ts';
import { SharedPostgres } from '../../testing/test-state.ts';
import { openPostgresState } from './open.ts';
import { PostgresSnapshot } from './postgres-snapshot.ts';
import { SnapshotContents } from './snapshot-contents.ts';

const postgres = new SharedPostgres();
const upload = sampleUpload();
const signal = new AbortController().signal;
let url: string;
let dir: string;
let writer: pg.Client;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-snapshot-'));
  url = await postgres.createDatabase();
  const state = await openPostgresState({ url, clock: systemClock, holder: 'test', connectionsMax: 2 });
  await state.uploads.create(upload, [sampleEvent('created')], [], Number.POSITIVE_INFINITY);
  await state.close();
  writer = new pg.Client({ connectionString: url });
  await writer.connect();
});
afterAll(async () => {
  await writer?.end();
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
});

test('E2: a receipt that is under way is waited for, and is in it', async () => {
  await writer.query('begin');
  await writer.query('update uploads set size = 4711 where id = $1', [upload.id]);
  let opened = false;
  const taking = PostgresSnapshot.take({ url, env: process.env }, () => {
    opened = true;
  });
  const waiting = `select 1 from pg_locks where not granted and relation = 'uploads'::regclass`;
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  await expect.poll(async () => (await other.query(waiting)).rowCount, { interval: 10 }).toBe(1);
  await other.end();
  expect(opened).toBe(false);
  await writer.query('commit');
  const snapshot = await taking;
  expect(opened).toBe(true);
  // Writers go on; the moment stays.
  await writer.query('update uploads set size = 4712 where id = $1', [upload.id]);
  expect(await new SnapshotContents(snapshot).uploads()).toEqual([{ id: upload.id, size: 4711 }]);
  await snapshot.close();
});

test('pg_dump gets the password where nobody sees it', async () => {
  const program = join(dir, 'pg_dump');
  await writeFile(program, `#!/bin/sh\necho "$@" > ${dir}/args\necho "$PGPASSWORD" > ${dir}/password\n`);
  await chmod(program, 0o700);
  const snapshot = await PostgresSnapshot.take(
    { url: `${url.replace('@', ':s%40cret@')}?connect_timeout=5`, env: { PATH: `${dir}:/usr/bin:/bin` } },
    () => {},
  );
  expect(await snapshot.writeTo(join(dir, 'state.dump'), signal)).toBe(true);
  await snapshot.close();
  const args = await readFile(join(dir, 'args'), 'utf8');
  expect(args).toContain(`--dbname=${url}?connect_timeout=5`);
  expect(args).not.toContain('cret');
  expect(await readFile(join(dir, 'password'), 'utf8')).toBe('s@cret\n');
});

test('what is wrong is said in words: no pg_dump, one that fails, no database', async () => {
  const snapshot = await PostgresSnapshot.take({ url, env: { PATH: '/nowhere' } }, () => {});
  await expect(snapshot.writeTo(join(dir, 'x'), signal)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining("Install PostgreSQL's client programs"),
  });
  await snapshot.close();
  const failing = await PostgresSnapshot.take({ url, env: process.env }, () => {});
  await expect(failing.writeTo(join(dir, 'no', 'folder'), signal)).rejects.toMatchObject({
    message: expect.stringContaining('could not open output file'),
  });
  expect(await failing.writeTo(join(dir, 'y'), AbortSignal.abort())).toBe(false);
  await failing.close();
  const none = url.replace(/[^/]*$/, 'none');
  await expect(PostgresSnapshot.take({ url: none, env: {} }, () => {})).rejects.toMatchObject({
    message: expect.stringContaining('has no database "none"'),
  });
});
