import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockInstance } from './instance-lock.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('a second holder is refused at once, with the name of the directory', () => {
  const lock = lockInstance(directory);
  expect(() => lockInstance(directory)).toThrow(directory);
  expect(() => lockInstance(directory)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  lock.release();
  lock.release();
  lockInstance(directory).release();
});

it('a directory that is not there is named too', () => {
  expect(() => lockInstance(join(directory, 'missing'))).toThrow(/missing cannot be locked/);
});

it('the lock of a killed process is free', async () => {
  const module = fileURLToPath(new URL('./instance-lock.ts', import.meta.url));
  const source = `import { lockInstance } from ${JSON.stringify(module)}; lockInstance(${JSON.stringify(directory)}); globalThis.gc(); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--expose-gc', '--input-type=module', '-e', source],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = new Promise((resolve) => child.once('exit', resolve));
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(() => lockInstance(directory)).toThrow(/Another Holdfast process/);
  } finally {
    child.kill('SIGKILL');
    await exit;
  }
  lockInstance(directory).release();
});
