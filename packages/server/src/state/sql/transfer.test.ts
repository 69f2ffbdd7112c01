/** What SQLite kept and PostgreSQL refuses, moved from one to the other. */
import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { sampleUpload, unique } from '../../testing/sample-upload.ts';
import { SharedPostgres, sqliteFile } from '../../testing/test-state.ts';
import { openPostgresState, openSqliteState } from './open.ts';
import { Transfer } from './transfer.ts';

const postgres = new SharedPostgres();
afterAll(async () => {
  await postgres.stop();
});

const plenty = 1_000_000;

/** A folder's state with one recording, and what an older server may have written beside it. */
async function moved(subject: string, filename: string, older: (db: Database.Database) => void) {
  const { file, remove } = await sqliteFile();
  const source = await openSqliteState({ file, clock: systemClock });
  const upload = sampleUpload({ filename });
  await source.uploads.create(upload, [], [{ type: 'keep-recording', subject }], plenty);
  await source.close();
  const db = new Database(file);
  older(db);
  db.close();
  const url = await postgres.createDatabase();
  const options = { file, url, source: 'node', clock: systemClock, stopped: () => false, progress: () => {} };
  const transfer = await Transfer.begin(options);
  try {
    await transfer.tables();
    await transfer.finish();
  } finally {
    await transfer.close();
    await remove();
  }
  return { upload, url };
}

test('zero characters and subjects that were too long for an index arrive, and are found', async () => {
  const subject = randomBytes(9_000).toString('base64');
  const { upload, url } = await moved(subject, 'half\0name.mp4', (db) => {
    // Before there was a bound, long ones were kept whole.
    db.prepare('update recordings set subject_folded = ?').run(subject.toLowerCase());
  });
  const state = await openPostgresState({ url, clock: systemClock, holder: unique('process'), connectionsMax: 2 });
  try {
    const { principal, id } = upload;
    const found = await state.recordings.listRecordings({ principal, subject, skip: 0, limit: 10 });
    expect(found.items.map((one) => [one.upload.id, one.upload.filename])).toEqual([[id, 'half\ufffdname.mp4']]);
  } finally {
    await state.close();
  }
});

test('a row that PostgreSQL does not take is told with its table and its key', async () => {
  const dir = randomBytes(9_000).toString('hex');
  const moving = moved('History', 'film.mp4', (db) => {
    db.prepare(
      `insert into watch_files (folder_id, dir, name, device, inode, size, mtime_ns, ctime_ns, state, quiet_since, boot,
         attempts, not_before, seen_at, missing)
       values ('folder', ?, 'film.mp4', '1', '1', 1, '1', '1', 'waiting', 1, 'boot', 0, 0, 1, 0)`,
    ).run(dir);
  });
  await expect(moving).rejects.toMatchObject({
    code: 'storage-damaged',
    message: expect.stringMatching(/the row of table watch_files with the key \["folder","[0-9a-f]+: index row /),
  });
});
