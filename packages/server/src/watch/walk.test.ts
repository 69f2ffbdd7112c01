/** A walk over what may not be looked at. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const child = fileURLToPath(new URL('../../test/walk-child.ts', import.meta.url));
/** root may look at everything. */
const as = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'holdfast-walk-'));
  chmodSync(dir, 0o755);
});
afterEach(() => {
  chmodSync(path.join(dir, 'lectures'), 0o755);
  rmSync(dir, { recursive: true });
});

it('what a directory names and does not let us look at is not gone', async () => {
  mkdirSync(path.join(dir, 'lectures', 'monday'), { recursive: true });
  for (const name of ['talk.mp4', 'lectures/intro.mp4', 'lectures/monday/first.mp4'])
    writeFileSync(path.join(dir, name), 'x');
  chmodSync(path.join(dir, 'lectures'), 0o444);
  const args = ['--disable-warning=ExperimentalWarning', child, dir];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: '/', ...as });
  const told = JSON.parse(stdout) as unknown[];
  expect(told).toEqual(expect.arrayContaining([['', ['talk.mp4']], '', 'lectures']));
  for (const hidden of ['lectures/intro.mp4', 'lectures/monday'])
    expect(told).toContainEqual({ kind: 'unreadable', dir: hidden, code: 'EACCES' });
  expect(told).toHaveLength(5);
});
