/** E2: `backup` again and again into one folder: interrupted, two at once, and of a folder that has lost something. */
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from './command-line.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';
import { someMedia } from './watch-bench.ts';

let dir: string;
let to: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-backup-'));
  to = join(dir, 'copy');
});
afterEach(() => rm(dir, { recursive: true }));

function backup({ dataDir }: RunningNode) {
  return runCommand(['backup', to, '--data', dataDir, '--json']);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('the same folder again copies only what is new, whatever the times of the files', async () => {
  await using node = await RunningNode.start();
  for (let i = 0; i < 12; i += 1) await node.upload(someBytes(100 + i));
  const assets = await filesIn(join(node.dataDir, 'assets'));
  expect(assets).toHaveLength(12);
  for (const [i, path] of assets.entries()) await utimes(path, 1, (1_795_385_305_479 + i) / 1000 + 0.0005);
  expect(JSON.parse((await backup(node)).stdout)).toMatchObject({ assets: 12, copied: 12 });
  expect(JSON.parse((await backup(node)).stdout)).toMatchObject({ assets: 12, copied: 0, bytes: 0 });
});

test('one that was interrupted before its first file was whole goes on', async () => {
  await using node = await RunningNode.start();
  await node.upload(someBytes(100));
  await mkdir(join(to, 'incoming.new'), { recursive: true });
  await writeFile(join(to, 'state.db.new'), 'the beginning of a state');
  expect(await backup(node)).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await runCommand(['verify', '--data', to])).toMatchObject({ exitCode: 0 });
});

test('two at once into one folder: the second is refused, and the first is whole', async () => {
  await using node = await RunningNode.start();
  for (let i = 0; i < 5; i += 1) await node.upload(someBytes(100 + i));
  const ran = await Promise.all([backup(node), backup(node)]);
  expect(ran.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
  expect(ran.find(({ exitCode }) => exitCode === 1)?.stderr).toMatch(/Another process works in .*: a backup/);
  expect(await runCommand(['verify', '--data', to])).toMatchObject({ exitCode: 0 });
  expect(await backup(node)).toMatchObject({ exitCode: 0 });
});

test('where no folder can be made it says so, and does not try for ever; no name is not the folder one is in', async () => {
  await using node = await RunningNode.start();
  for (const folder of ['/proc/holdfast', '/proc/holdfast/copy'])
    await expect(runCommand(['backup', folder, '--data', node.dataDir])).rejects.toThrow(
      '/proc takes no folder /proc/holdfast.',
    );
  expect(await runCommand(['backup', '', '--data', node.dataDir])).toMatchObject({
    exitCode: 2,
    stderr: 'Name the folder of the backup.',
  });
}, 10_000);

test('an artifact that is lost keeps nobody from a backup of the rest', async () => {
  const pipelines = join(dir, 'hello.yaml');
  const step =
    '{ name: hello, command: [/bin/echo, hello], version: 1, outputs: { said: { file: said.txt, type: text/plain, from: stdout } } }';
  await writeFile(pipelines, `default: false\npipelines:\n  - name: hello\n    steps: [${step}]\n`);
  await using node = await RunningNode.start({ config: { pipeline: true, pipelines } });
  for (let i = 0; i < 2; i += 1) await node.upload(someBytes(100 + i));
  const artifacts = () => filesIn(join(node.dataDir, 'artifacts'));
  await expect.poll(artifacts, { timeout: 20_000 }).toHaveLength(2);
  await expect
    .poll(async () => JSON.parse((await backup(node)).stdout), { timeout: 20_000 })
    .toMatchObject({ artifacts: 2 });

  await rm((await artifacts())[0] ?? '');
  await rm(to, { recursive: true });
  const ran = await backup(node);
  expect(ran).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^1 artifact could not be copied: lost in .*holdfast verify/),
  });
  expect(JSON.parse(ran.stdout)).toMatchObject({ assets: 2, artifacts: 1, lostAssets: 0, lostArtifacts: 1 });
  const verified = await runCommand(['verify', '--data', to]);
  expect(verified.stdout).toMatch(/^lost-artifact .*\nChecked 2 assets.* 1 findings, 1 open/);
});

test('an asset that is lost is told, and not counted as backed up; one that stays in a watched folder is not lost', async () => {
  const watched = join(dir, 'in');
  await mkdir(watched);
  const film = someMedia(50_000);
  await writeFile(join(watched, 'film.mp4'), film);
  const folder = { path: watched, settleSeconds: 0.05, intervalSeconds: 600, take: 'in-place' };
  await using node = await RunningNode.start({ config: { watch: [folder] } });
  const contents = [someBytes(100), someBytes(101)];
  for (const bytes of contents) await node.upload(bytes);
  await expect.poll(async () => (await node.json('GET', `/v1/assets/${sha256(film)}`)).status).toBe(200);
  expect(await backup(node)).toMatchObject({ exitCode: 0, stderr: '' });

  const lost = (await filesIn(join(node.dataDir, 'assets')))[0] ?? '';
  await rm(lost);
  await rm(to, { recursive: true });
  const ran = await backup(node);
  expect(ran).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^1 asset could not be copied: lost in .*holdfast verify/),
  });
  expect(JSON.parse(ran.stdout)).toMatchObject({ assets: 1, outside: 1, lostAssets: 1, lostArtifacts: 0 });
  expect((await runCommand(['verify', '--data', to])).stdout).toMatch(/^lost-asset .*\nChecked 3 assets.* 1 findings/);
});
