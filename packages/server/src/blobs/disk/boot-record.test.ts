import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { beginRun, readBootRecord } from './boot-record.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-boot-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('tells how the last run ended', async () => {
  expect(await readBootRecord(dir, 'boot-1')).toBe('first');
  const run = await beginRun(dir, 'boot-1');
  expect(await readBootRecord(dir, 'boot-1')).toBe('process-ended');
  expect(await readBootRecord(dir, 'boot-2')).toBe('machine-went-down');
  expect(await readBootRecord(dir, null)).toBe('machine-went-down');
  await run.markClean();
  expect(await readBootRecord(dir, 'boot-1')).toBe('clean');
  expect(await readBootRecord(dir, 'boot-2')).toBe('clean');
  expect(readdirSync(dir)).toEqual(['boot.json']);
});

test('a run without a boot id, or a record that cannot be read, counts as a machine that went down', async () => {
  await beginRun(dir, null);
  expect(await readBootRecord(dir, null)).toBe('machine-went-down');
  for (const text of ['', '{"bootId":"boot-1"', '[]', 'null', '{"bootId":7,"cleanShutdown":true}']) {
    writeFileSync(join(dir, 'boot.json'), text);
    expect(await readBootRecord(dir, 'boot-1')).toBe('machine-went-down');
  }
});
