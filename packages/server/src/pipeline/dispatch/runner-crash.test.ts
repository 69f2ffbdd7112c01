/** What a killed node leaves behind, and what the next one makes of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, testPipeline } from '../../../test/pipeline-bench.ts';
import { chain } from '../../../test/pipeline-chain.ts';
import type { CrashPointName } from '../../core/ports/crash-points.ts';

const childFile = fileURLToPath(new URL('../../../test/pipeline-child.ts', import.meta.url));
let dir: string;
let bench: Bench;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-runner-'));
  bench = await Bench.open(dir);
});
afterEach(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

const statesOf = (run: { steps: readonly { name: string; state: string }[] }) =>
  Object.fromEntries(run.steps.map((step) => [step.name, step.state]));

const count = (lines: readonly string[], line: string) => lines.filter((each) => each === line).length;

function startChild(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childFile, dir, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

describe('Runner after a crash', () => {
  it('resumes within 5 s what was running when the node was killed, and does not repeat what was done', async () => {
    const id = await bench.addSomething(testPipeline(chain(bench.log)));
    await bench.close();
    const child = startChild('-', 'long');
    await waitForLine('two start');
    child.kill('SIGKILL');
    await once(child, 'exit');
    bench = await Bench.open(dir);
    const restarted = Date.now();
    await bench.runner(chain(bench.log), { leaseMs: 60_000 }).start();
    const run = await bench.ended(id, 5_000);
    expect(Date.now() - restarted).toBeLessThan(5_000);
    expect(run.state).toBe('succeeded');
    const lines = await bench.lines();
    expect([count(lines, 'one start'), count(lines, 'two start'), count(lines, 'three start')]).toEqual([1, 2, 1]);
  });

  const points: readonly [CrashPointName, number][] = [
    ['step:after-claim', 1],
    ['step:after-run', 2],
    ['step:after-publish', 2],
    ['step:after-commit', 1],
  ];
  it.each(points)('killed at %s: the step has run %i times in the end and the result is whole', async (point, runs) => {
    const id = await bench.addSomething(testPipeline(chain(bench.log)));
    await bench.close();
    const child = startChild(point);
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
    bench = await Bench.open(dir);
    await bench.runner(chain(bench.log)).start();
    const run = await bench.ended(id, 5_000);
    expect(statesOf(run)).toEqual({ one: 'succeeded', two: 'succeeded', three: 'succeeded' });
    const lines = await bench.lines();
    expect([count(lines, 'one start'), count(lines, 'two start')]).toEqual([1, runs]);
    for (const artifact of await bench.state.ledger.artifacts(id))
      expect(await bench.disk.artifacts.check(artifact)).toBe('intact');
  });
});

async function waitForLine(line: string): Promise<void> {
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(10)) {
    if ((await readFile(path.join(dir, 'steps.log'), 'utf8').catch(() => '')).includes(`${line}\n`)) return;
  }
  throw new Error(`never saw ${line}`);
}
