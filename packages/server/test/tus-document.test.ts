/** docs/tus.md: the transcript runs as it stands there, and the table of codes says what the server answers. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { refusals } from '../src/dialects/tus/refusals.ts';
import { RunningNode } from './running-node.ts';

let document: string;
beforeAll(async () => {
  document = await readFile(new URL('../../../docs/tus.md', import.meta.url), 'utf8');
});

test('the transcript works', async () => {
  await using node = await RunningNode.start();
  const script = /```sh\n([\s\S]*?)```/.exec(document)?.[1] ?? '';
  expect(script).toContain('http://127.0.0.1:8080');
  const cwd = await mkdtemp(join(tmpdir(), 'holdfast-transcript-'));
  try {
    const own = script.replace('http://127.0.0.1:8080', node.url);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', own], { cwd, timeout: 30_000 });
    expect(stdout).toBe('upload-offset: 5\nhello world');
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
});

test('every code in the table has that status', () => {
  const rows = document.split('## Codes')[1]?.match(/^\| [\d, ]+ \|.*$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const [, statuses = '', codes = ''] = row.split('|');
    const allowed = statuses.split(',').map((status) => Number(status));
    for (const [, code = ''] of codes.matchAll(/`([a-z-]+)`/g))
      expect(allowed, code).toContain(refusals[code as keyof typeof refusals].status);
  }
});
