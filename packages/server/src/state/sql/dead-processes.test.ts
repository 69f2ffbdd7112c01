/** B6, E1: what a process held that is known to be dead. */
import { afterAll, expect, it } from 'vitest';
import { sampleUpload } from '../../testing/sample-upload.ts';
import { SharedPostgres, sqliteFile, twoSqliteStates } from '../../testing/test-state.ts';
import { endTurnsOf } from './dead-processes.ts';
import { SqlClaimTable } from './extent-claims.ts';
import { SqliteEngine } from './sqlite.ts';
import { SqlLockTable } from './upload-locks.ts';

const long = 60_000;
const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

it('is free at once; what it had taken from one that may live has to be taken by force again; others keep theirs', async () => {
  const { file, remove } = await sqliteFile();
  const engine = await SqliteEngine.open(file);
  const claims = (process: string) => new SqlClaimTable(engine, process);
  const locks = (process: string) => new SqlLockTable(engine, process);
  const at = (name: string) => ({ place: { uploadId: name, offset: 0 }, grant: 1 });
  const on = (name: string) => ({ place: name, grant: 1 });
  const taken = (process: string, name: string) =>
    Promise.all([claims(process).take(at(name), long), locks(process).take(on(name), long)]);

  await taken('node-2/dead', 'own');
  await claims('node/still').take(at('frozen'), -1);
  await locks('node/still').take(on('frozen'), -1);
  expect(await taken('node-2/dead', 'frozen')).toEqual(['forced', 'forced']);
  await taken('node-20/lives', 'neighbour');
  await taken('node/lives', 'other');

  await endTurnsOf(engine, 'node-2/');
  expect(await taken('node/lives', 'own')).toEqual(['taken', 'taken']);
  expect(await taken('node/lives', 'frozen')).toEqual(['forced', 'forced']);
  expect(await taken('third', 'neighbour')).toEqual(['held', 'held']);
  expect(await taken('third', 'other')).toEqual(['held', 'held']);

  // All processes that ever used the file are dead, the one that was frozen too.
  await endTurnsOf(engine, '');
  for (const name of ['own', 'frozen', 'neighbour', 'other'])
    expect(await taken('fourth', name)).toEqual(['taken', 'taken']);
  await engine.close();
  await remove();
});

/** Nobody may ever ask for the place again, and the process has a name that does not come again. */
it.each([
  ['SQLite', () => twoSqliteStates()],
  ['PostgreSQL', () => postgres.twoStates()],
] as const)('goes with the upload, on %s', async (_name, open) => {
  const { subject, close } = await open();
  const { one: dead, two } = subject;
  const upload = sampleUpload({ phase: { name: 'cancelled', at: 500 }, updatedAt: 500 });
  await two.uploads.create(upload, [], [], 1_000);
  const turns = (state: typeof two) =>
    Promise.all([
      state.claims.acquire(upload.id, 0, 0),
      state.locks.acquire(upload.id, { waitMs: 0, letGo: () => {} }),
    ]);
  await turns(dead);
  expect(await turns(two)).toEqual([null, 'busy']);
  await two.uploads.released(upload.id);
  expect(await two.uploads.purge(800, 10)).toBe(1);
  expect(await turns(two)).toMatchObject([{ forced: false }, { forced: false }]);
  await close();
});
