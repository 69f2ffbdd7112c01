import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const child = fileURLToPath(new URL('../../testing/hash-child.ts', import.meta.url));
const run = promisify(execFile);

async function niceness(command: readonly string[]): Promise<unknown> {
  const [program = '', ...args] = [...command, process.execPath, child, child];
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

test.runIf(privileged)('a hash thread goes to the lowest priority, and comes back for what is waited for', async () => {
  expect(await niceness([])).toEqual({ background: 19, awaited: 0 });
});

test.runIf(linux)('one that could not come back does not go there', async () => {
  const unprivileged = privileged ? ['setpriv', '--inh-caps=-sys_nice', '--bounding-set=-sys_nice'] : [];
  expect(await niceness(unprivileged)).toEqual({ background: 1, awaited: 1 });
});
