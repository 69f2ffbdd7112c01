import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeDirectory } from './durable-files.ts';

test('directories are made with those above them; where none can be made, that is an error, and no thread that tries for ever', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-durable-'));
  const deep = join(dir, 'a', 'b', 'c');
  for (let i = 0; i < 2; i += 1) await makeDirectory(Buffer.from(deep));
  expect((await stat(deep)).isDirectory()).toBe(true);
  await writeFile(join(dir, 'file'), '');
  for (const path of [join(dir, 'file'), join(dir, 'file', 'below'), '/proc/nothing/here'])
    await expect(makeDirectory(Buffer.from(path))).rejects.toMatchObject({ syscall: 'mkdir' });
  await rm(dir, { recursive: true });
});
