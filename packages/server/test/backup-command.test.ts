/** E2: `backup` again and again into one folder: interrupted, two at once, and of a folder that has lost something. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from './command-line.ts';
import { RunningNode, someBytes } from './running-node.ts';

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
