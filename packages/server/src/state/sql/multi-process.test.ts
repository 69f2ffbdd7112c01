/** Receipts from four processes at once: exactly one completes each upload, in whatever the state is kept. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import type { ReceiptAnswer, ReceiptTask } from '../../testing/receipt-worker.ts';
import { sampleUpload, unique } from '../../testing/sample-upload.ts';
import { openRedisPlace, SharedRedis } from '../../testing/test-redis-state.ts';
import { SharedPostgres, sqliteFile } from '../../testing/test-state.ts';
import { openPostgresState, openSqliteState, type State } from './open.ts';

const script = fileURLToPath(new URL('../../testing/receipt-worker.ts', import.meta.url));
const processes = 4;
const uploads = 300;
/** Uploads whose every chunk is sent by every process; of the others each process sends a quarter. */
const duplicated = 20;
const offsets = Array.from({ length: 16 }, (_, i) => i * 100);

const postgres = new SharedPostgres();
const redis = new SharedRedis();
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}.`)));
  });
}

async function compete(database: ReceiptTask['database'], ids: readonly string[]): Promise<number> {
  const children = Array.from({ length: processes }, (_, p) => {
    const share = ids.map((id, i) => ({
      id,
      offsets: i < duplicated ? offsets : offsets.filter((_, chunk) => chunk % processes === p),
    }));
    const task: ReceiptTask = { database, name: unique('process'), uploads: share, concurrency: 4 };
    return fork(script, [JSON.stringify(task)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  });
  try {
    await Promise.all(children.map(nextMessage));
    const answers = children.map(nextMessage);
    for (const child of children) child.send('go');
    return (await Promise.all(answers)).reduce<number>((sum, answer) => sum + (answer as ReceiptAnswer).completions, 0);
  } finally {
    for (const child of children) child.kill();
  }
}

async function check(state: State, database: ReceiptTask['database']): Promise<void> {
  const ids: string[] = [];
  for (let i = 0; i < uploads; i += 1) ids.push(unique(`upload-${i}`));
  await Promise.all(ids.map((id) => state.uploads.create(sampleUpload({ id }), [], [], Number.POSITIVE_INFINITY)));
  expect(await compete(database, ids)).toBe(uploads);
  expect(await state.uploads.countByPhase()).toEqual({ validating: uploads });
  const found = await state.uploads.live('', uploads);
  expect(
    found.every((upload) => upload.receivedBytes === 1600 && upload.receivedExtents === 16 && upload.fence === 1),
  ).toBe(true);
}

describe('receipts of four processes', () => {
  it('complete each upload exactly once on SQLite', async () => {
    const { file, remove } = await sqliteFile();
    const state = await openSqliteState({ file, clock: systemClock });
    try {
      await check(state, { kind: 'sqlite', file });
    } finally {
      await state.close();
      await remove();
    }
  });

  it('complete each upload exactly once on PostgreSQL', async () => {
    const url = await postgres.createDatabase();
    const state = await openPostgresState({ url, clock: systemClock, holder: unique('process') });
    try {
      await check(state, { kind: 'postgres', url });
    } finally {
      await state.close();
    }
  });

  it('complete each upload exactly once on Redis (E1)', async () => {
    const { place, remove } = await redis.place();
    const state = await openRedisPlace(place);
    try {
      await check(state, { kind: 'redis', place });
    } finally {
      await state.close();
      await remove();
    }
  });
});
