/** `holdfast delete` against a whole node on a real socket. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AssetList } from '@holdfast/protocol';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Ran, type RunOptions, runCommand } from './command-line.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';
import { someMedia } from './watch-bench.ts';

let dir: string;
let node: RunningNode;
let ids: readonly [string, string, string];
const lying = someMedia(50_000);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-delete-'));
  await mkdir(join(dir, 'in'));
  await writeFile(join(dir, 'in', 'talk.mp4'), lying);
  const watch = [{ path: join(dir, 'in'), take: 'in-place', settleSeconds: 0.05, principal: 'anonymous' }];
  node = await RunningNode.start({ dataDir: join(dir, 'data'), config: { watch } });
});
afterAll(async () => {
  await node.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  const names = ['a.mp4', 'b.mp4', 'c\u001b[31m.mp4'];
  const uploads = await Promise.all(names.map((filename) => node.upload(someBytes(1_234), { filename })));
  ids = uploads.map(({ assetId }) => assetId ?? '') as unknown as typeof ids;
});

function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runCommand(['delete', ...args], { ...options, env: { HOLDFAST_SERVER: node.url, ...options.env } });
}

async function areThere(): Promise<boolean[]> {
  return Promise.all(ids.map(async (id) => (await node.fetch(`/v1/assets/${id}`)).status === 200));
}

const asking = (name: string, id: string, more = '') =>
  `Delete ${name} (1.2 kB, ${id.slice(0, 8)}…${more})? This cannot be undone. [y/N] `;

test('asks before each one, and takes nothing but a yes for one', async () => {
  const [a, b, c] = ids;
  await node.upload(Buffer.from(await (await node.fetch(`/v1/assets/${b}/content`)).arrayBuffer()), {
    filename: 'b.mp4',
  });
  const ran = await run([a, b, c.toUpperCase()], { isTTY: true, typed: 'n\nYes\n\n' });
  expect(ran).toMatchObject({
    exitCode: 0,
    stdout: `Kept a.mp4.\nDeleted b.mp4 (${b}).\nKept c?[31m.mp4.\n`,
    stderr: asking('a.mp4', a) + asking('b.mp4', b, ', came several times') + asking('c?[31m.mp4', c),
  });
  expect(await areThere()).toEqual([true, false, true]);
  // Nobody is there any more to answer.
  expect(await run([a, c], { isTTY: true, typed: 'y' })).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^Deleted a.*\nKept c.*\n$/),
  });
  expect(await areThere()).toEqual([false, false, true]);
});

test('without a terminal it deletes nothing unless told to', async () => {
  const [a] = ids;
  expect(await run([a], { typed: 'y\n' })).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringContaining('--yes'),
  });
  expect(await areThere()).toEqual([true, true, true]);
  expect(await run([a, '--yes'])).toMatchObject({ exitCode: 0, stdout: `Deleted a.mp4 (${a}).\n`, stderr: '' });
  expect(await areThere()).toEqual([false, true, true]);
});

test('goes on after one that cannot be deleted, and fails in the end', async () => {
  const [a, b] = ids;
  const ran = await run([a, sha256(someBytes(1)), a, b, '--yes']);
  expect(ran).toMatchObject({ exitCode: 1, stdout: `Deleted a.mp4 (${a}).\nDeleted b.mp4 (${b}).\n` });
  expect(ran.stderr).toMatch(/^[0-9a-f]{64}: There is no asset .*\n1 of 3 assets could not be deleted\.$/);
  expect(await run([a, '--yes'])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('There is no asset') });
});

test('says of a file that is processed where it lies what to do', async () => {
  const there = async () => (await node.json<AssetList>('GET', '/v1/assets?filename=talk')).body.items.length;
  await expect.poll(there).toBe(1);
  const ran = await run([sha256(lying), '--yes']);
  expect(ran).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^talk\.mp4: .*\bdelete\b/i) });
  expect(await there()).toBe(1);
});

test('a beginning will do, where only one asset begins so', async () => {
  const [a, b, c] = ids;
  const digits = b.slice(0, 8);
  expect(await run([digits, '--yes'])).toMatchObject({ exitCode: 0, stdout: `Deleted b.mp4 (${b}).\n` });
  expect(await run([digits, '--yes'])).toMatchObject({
    exitCode: 1,
    stderr: `${digits}: No asset here begins with these digits.\n`,
  });
  expect(await areThere()).toEqual([true, false, true]);
  for (const wrong of [a.slice(0, 7), `${c}0`, 'film.mp4'])
    expect(await run([c, wrong, '--yes'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(wrong) });
  expect(await areThere()).toEqual([true, false, true]);
});

test('of several that begin alike it deletes none', async () => {
  // Their SHA-256 have the first 8 digits in common.
  const twins = await Promise.all(['content 28149', 'content 36680'].map((text) => node.upload(Buffer.from(text))));
  const ran = await run(['bba800c6', '--yes']);
  expect(ran).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('Several assets begin so') });
  for (const { assetId } of twins) {
    expect(ran.stderr).toContain(assetId);
    expect(await run([`${assetId}`.slice(0, 12), '--yes'])).toMatchObject({ exitCode: 0 });
  }
});

test('a line of JSON for each', async () => {
  const [a, b] = ids;
  const missing = sha256(someBytes(1));
  const { exitCode, stdout, stderr } = await run([a, missing, b, '--json'], { isTTY: true, typed: 'y\nn\n' });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { id: a, filename: 'a.mp4', size: 1_234, deleted: true },
    { id: missing, deleted: false, problem: expect.stringContaining('There is no asset') },
    { id: b, filename: 'b.mp4', size: 1_234, deleted: false },
  ]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: `${asking('a.mp4', a)}${asking('b.mp4', b)}1 of 3 assets could not be deleted.`,
  });
});

test('ends at Ctrl-C, and where no server answers', async () => {
  const [a, b] = ids;
  const stop = new AbortController();
  const ran = await run([a, b], {
    ...{ isTTY: true, signal: stop.signal },
    onText: (text) => {
      if (text.startsWith('Delete')) stop.abort();
    },
  });
  expect(ran).toMatchObject({ exitCode: 130, stdout: '' });
  const away = { HOLDFAST_SERVER: 'http://127.0.0.1:1' };
  expect(await run([a, b, '--yes'], { env: away })).toMatchObject({ exitCode: 3, stdout: '' });
  expect(await areThere()).toEqual([true, true, true]);
});
