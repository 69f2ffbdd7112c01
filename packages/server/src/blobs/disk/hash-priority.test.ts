import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const child = fileURLToPath(new URL('../../testing/hash-child.ts', import.meta.url));
const run = promisify(execFile);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-priority-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** `far` is 1.5 GiB of zeros: more than following may be behind. */
async function niceness(command: readonly string[], followMs: number): Promise<unknown> {
  const far = join(dir, 'sparse');
  writeFileSync(far, '');
  truncateSync(far, 1.5 * 1024 ** 3);
  const [program = '', ...args] = [...command, process.execPath, child, child, far, String(followMs)];
  return JSON.parse((await run(program, args)).stdout);
}

/** With CAP_SYS_NICE, or RLIMIT_NICE. */
async function mayRaisePriority(): Promise<boolean> {
  const down = 'os.setPriority(os.getPriority() + 1)';
  const up = 'os.setPriority(os.getPriority() - 1)';
  return await run(process.execPath, ['-p', `${down}; ${up}`]).then(
    () => true,
    () => false,
  );
}

const linux = process.platform === 'linux';
const privileged = linux && (await mayRaisePriority());

test.runIf(privileged)(
  'a hash thread goes to the lowest priority, and comes back when it is far behind and for what is waited for',
  async () => {
    expect(await niceness([], 30_000)).toEqual({ background: 19, following: [19, 0, 19], awaited: 0 });
  },
);

test.runIf(linux)('one that could not come back does not go there', async () => {
  const unprivileged = privileged ? ['setpriv', '--inh-caps=-sys_nice', '--bounding-set=-sys_nice'] : [];
  expect(await niceness(unprivileged, 1_000)).toEqual({ background: 1, following: [1], awaited: 1 });
});
