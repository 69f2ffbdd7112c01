/** Two processes and one upload (B6, E1): the newer request takes over, from a process that lives and from one that is stopped. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { patternBytes } from '../src/testing/body.ts';
import { unique } from '../src/testing/sample-upload.ts';
import { SharedRedis } from '../src/testing/test-redis-state.ts';
import { SharedPostgres } from '../src/testing/test-state.ts';
import type { AppendTask } from './append-child.ts';
import { AppendFolder, type AppendNode } from './append-node.ts';
import { sha256 } from './running-node.ts';

const script = fileURLToPath(new URL('append-child.ts', import.meta.url));
const first = 100_000;
const bytes = patternBytes(3_000_000, 1);

const postgres = new SharedPostgres();
const redis = new SharedRedis();
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

async function placeOf(kind: string): Promise<Pick<AppendTask['node'], 'postgresUrl' | 'redis'>> {
  if (kind === 'PostgreSQL') return { postgresUrl: await postgres.createDatabase() };
  if (kind === 'Redis') return { redis: { url: (await redis.server()).url, prefix: unique('{test}') } };
  return {};
}

let folder: AppendFolder;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await folder[Symbol.asyncDispose]();
});

function told(child: ChildProcess, wanted: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => wanted(message) && resolve(message));
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}.`)));
  });
}

describe.each(['SQLite', 'PostgreSQL', 'Redis'])('state in %s', (kind) => {
  /** This process, an upload with its first bytes, and another process in the middle of sending other ones. */
  async function begun() {
    const place = await placeOf(kind);
    const node = await folder.open(place);
    const { id } = await node.create({ size: bytes.length });
    await node.append(id, 0, bytes.subarray(0, first));
    const task: AppendTask = {
      node: { dir: folder.dir, locksGoodForMs: 1_500, limits: { segmentMs: 50 }, ...place },
      uploadId: id,
      offset: first,
      length: bytes.length - first,
      value: 0x5a,
    };
    const child = fork(script, [JSON.stringify(task)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    children.push(child);
    const ended = told(child, (message) => typeof message === 'object') as Promise<{ code: string }>;
    ended.catch(() => {});
    await told(child, (message) => message === 'sending');
    return { node, id, child, ended };
  }

  /** What the other one got recorded stays; the rest is ours. */
  async function finish(node: AppendNode, id: string): Promise<void> {
    const { receivedBytes: from } = await node.find(id);
    const theirs = Buffer.concat([bytes.subarray(0, first), Buffer.alloc(from - first, 0x5a), bytes.subarray(from)]);
    await node.append(id, from, bytes.subarray(from));
    expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(theirs) });
  }

  test('a process that lives lets go within a second and a half, and keeps what had arrived', async () => {
    const { node, id, ended } = await begun();
    const asked = performance.now();
    await node.append(id, bytes.length + 1, new Uint8Array()).catch(() => {});
    expect(performance.now() - asked).toBeLessThan(1_500);
    expect(await ended).toEqual({ code: 'upload-taken-over' });
    expect((await node.find(id)).receivedBytes).toBeGreaterThan(first);
    await finish(node, id);
  });

  test('one that is stopped (SIGSTOP) is taken over by force, and does no harm when it goes on', async () => {
    const { node, id, child, ended } = await begun();
    let taken = await node.find(id);
    // In the middle of a transaction of SQLite it keeps everybody from writing: then it is stopped at another moment.
    for (let attempt = 1; attempt <= 3 && taken.fence === 0; attempt += 1) {
      child.kill('SIGCONT');
      await setTimeout(attempt * 7);
      child.kill('SIGSTOP');
      await node.append(id, bytes.length + 1, new Uint8Array()).catch(() => {});
      taken = await node.find(id);
    }
    const { receivedBytes: from, fence } = taken;
    expect(fence).toBe(1);
    await node.append(id, from, bytes.subarray(from, from + 500_000));
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    expect((await ended).code).toMatch(/^(?:lease-lost|upload-taken-over)$/);
    expect(await exit, 'it stops in order').toBe(0);
    const after = await node.find(id);
    expect(after.receivedBytes).toBe(from + 500_000);
    await node.append(id, after.receivedBytes, bytes.subarray(after.receivedBytes));
    const whole = Buffer.concat([bytes.subarray(0, first), Buffer.alloc(from - first, 0x5a), bytes.subarray(from)]);
    expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(whole) });
  });

  test('one that is killed is taken over, and what it had recorded stays', async () => {
    const { node, id, child } = await begun();
    child.kill('SIGKILL');
    await node.append(id, bytes.length + 1, new Uint8Array()).catch(() => {});
    expect((await node.find(id)).receivedBytes).toBeGreaterThanOrEqual(first);
    await finish(node, id);
  });
});
