/** A1: what is acknowledged, or shown, is on disk: the log is synced before. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { sqliteFile } from '../../testing/test-state.ts';
import { GroupCommit } from './group-commit.ts';
import { LogSync } from './log-sync.ts';
import { migrateSqlite, SqliteEngine } from './sqlite.ts';
import { SqliteConnection } from './sqlite-connection.ts';

let file = '';
let remove = async (): Promise<void> => {};
let connection: SqliteConnection;
beforeEach(async () => {
  ({ file, remove } = await sqliteFile());
  connection = new SqliteConnection(file, 'write');
  migrateSqlite(connection, undefined);
});
afterEach(async () => {
  connection.close();
  await remove();
});

const note = (name: string) => ({
  ...Object.create(null),
  sql: 'insert into meta (name, value) values (?, 1)',
  parameters: [name],
});

/** A log whose syncs end when the test says so. */
class HeldLog {
  readonly waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  run(): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
  assertSound(): void {}
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('group commit', () => {
  it('resolves when the log is synced, not before; what arrives meanwhile shares the next transaction and its sync', async () => {
    const log = new HeldLog();
    const commits = new GroupCommit(connection, log, () => {});
    const order: string[] = [];
    const write = (name: string) => commits.write((session) => session.change(note(name))).then(() => order.push(name));
    const first = write('first');
    await expect.poll(() => log.waiting.length).toBe(1);
    const others = [write('second'), turns(2).then(() => write('third'))];
    await turns(5);
    expect(order).toEqual([]);
    expect(log.waiting.length).toBe(1);
    expect(commits.seen).not.toBeNull();
    log.waiting[0]?.resolve();
    await first;
    expect(order).toEqual(['first']);
    await expect.poll(() => log.waiting.length).toBe(2);
    await turns(5);
    expect(order).toEqual(['first']);
    expect(commits.seen, 'the others are committed and not synced').not.toBeNull();
    log.waiting[1]?.resolve();
    await Promise.all(others);
    expect(log.waiting.length, 'one sync for both').toBe(2);
    await commits.seen;
    await turns(1);
    expect(commits.seen).toBeNull();
  });

  it('does not wait for work that only has to survive the process', async () => {
    const log = new HeldLog();
    const commits = new GroupCommit(connection, log, () => {});
    const relaxed = commits.write(async (session) => {
      session.durable = false;
      return await session.change(note('relaxed'));
    });
    expect(await relaxed).toBe(1);
    expect(log.waiting).toEqual([]);
    const mixed = [
      commits.write(async (session) => {
        session.durable = false;
      }),
      commits.write((session) => session.change(note('durable'))),
    ];
    await mixed[0];
    expect(log.waiting.length, 'the setting of one piece is not that of the next').toBe(1);
    log.waiting[0]?.resolve();
    await Promise.all(mixed);
  });

  it('rejects what waited for a sync that failed', async () => {
    const log = new HeldLog();
    const commits = new GroupCommit(connection, log, () => {});
    const write = commits.write((session) => session.change(note('lost')));
    await expect.poll(() => log.waiting.length).toBe(1);
    log.waiting[0]?.reject(new Error('EIO'));
    await expect(write).rejects.toThrow('EIO');
    await commits.close();
  });

  it('goes on with what arrived during a sync that failed', async () => {
    const log = new HeldLog();
    const commits = new GroupCommit(connection, log, () => {});
    const lost = commits.write((session) => session.change(note('lost')));
    await expect.poll(() => log.waiting.length).toBe(1);
    const next = commits.write((session) => session.change(note('next')));
    log.waiting[0]?.reject(new Error('EIO'));
    await expect(lost).rejects.toThrow('EIO');
    await expect.poll(() => log.waiting.length).toBe(2);
    log.waiting[1]?.resolve();
    await next;
    await commits.close();
  });
});

/** A real log whose next sync waits until it is let go. */
class SlowLog extends LogSync {
  release: () => void = () => {};
  readonly #held = new Promise<void>((resolve) => {
    this.release = resolve;
  });

  override async run(): Promise<void> {
    await this.#held;
    await super.run();
  }
}

test('a reader is not told of what a power cut would undo', async () => {
  const log = new SlowLog(`${file}-wal`);
  const engine = await SqliteEngine.open(file, undefined, log);
  const order: string[] = [];
  const written = engine.write((session) => session.change(note('x'))).then(() => order.push('written'));
  await turns(5);
  const query = { ...Object.create(null), sql: "select name from meta where name = 'x'", parameters: [] };
  const read = engine.read(query).then((rows) => order.push(`read ${rows.length}`));
  await turns(20);
  expect(order).toEqual([]);
  log.release();
  await Promise.all([written, read]);
  expect(order.sort()).toEqual(['read 1', 'written']);
  await engine.close();
});

describe('the log', () => {
  it('is synced as a file of its own', async () => {
    const log = new LogSync(`${file}-wal`);
    await Promise.all([log.run(), log.run(), log.run()]);
    log.close();
  });

  it.runIf(process.platform === 'linux')(
    'is not trusted any more once a sync failed, whatever later ones say',
    async () => {
      // A pipe takes writes and cannot be synced.
      execFileSync('mkfifo', [`${file}-pipe`]);
      const log = new LogSync(`${file}-pipe`);
      const commits = new GroupCommit(connection, log, () => {});
      const broken = { code: 'unavailable', message: expect.stringMatching(/failed to sync the log/) };
      await expect(commits.write((session) => session.change(note('x')))).rejects.toMatchObject(broken);
      await expect(commits.write((session) => session.change(note('y')))).rejects.toMatchObject(broken);
      await expect(log.run()).rejects.toMatchObject(broken);
      const kept = connection.all({ sql: "select name from meta where name = 'y'", parameters: [] });
      expect(kept, 'nothing is begun any more').toEqual([]);
      await commits.close();
      log.close();
    },
  );
});
