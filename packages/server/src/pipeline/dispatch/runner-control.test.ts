/** Cancelling, pausing, standing still, and files that kill their server: what people and the runner do about steps that do not go well (D4). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, testPipeline, testStep } from '../../../test/pipeline-bench.ts';
import { poisonSteps } from '../../../test/poison-child.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { openSqliteState } from '../../state/sql/open.ts';
import type { StepContext } from '../context.ts';
import { runFenced } from '../media/fence.ts';

const poisonChild = fileURLToPath(new URL('../../../test/poison-child.ts', import.meta.url));
const asking = { by: 'lena', now: 1 };
let dir: string;
let bench: Bench;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-control-'));
  bench = await Bench.open(dir);
});
afterEach(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

const statesOf = (run: { steps: readonly { name: string; state: string }[] }) =>
  Object.fromEntries(run.steps.map((step) => [step.name, step.state]));

/** A process that is dead and was not asked after by its parent (a zombie, proc(5)) is not alive. */
const alive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false;
  }
};

/** A step's work that runs the script, and tells the numbers that it prints. */
const shell =
  (script: string, take: (pid: number) => void = () => {}) =>
  async ({ signal, clock }: StepContext) => {
    const exit = await runFenced({
      command: '/bin/sh',
      args: ['-c', script],
      signal,
      clock,
      timeoutMs: 60_000,
      outputs: [{ fd: 1, bytesMax: 1_000, take: (chunk) => take(Number(chunk.toString())) }],
    });
    if (exit.code !== 0) throw new Error(`sh ended with ${exit.code}`);
  };

async function seen(pids: readonly number[]): Promise<void> {
  for (const end = Date.now() + 10_000; pids.length === 0; await sleep(10))
    if (Date.now() > end) throw new Error('the program did not start');
}

describe('a cancelled run', () => {
  it('has no process left when it says so, whoever asked, and can be tried again', async () => {
    const pids: number[] = [];
    let cancelled = false;
    const script = 'trap "" TERM; sleep 60 & echo $!; wait; wait';
    const steps = [
      testStep('one', bench.log, {
        work: (context) => (cancelled ? sleep(1) : shell(script, (pid) => pids.push(pid))(context)),
      }),
      testStep('two', bench.log, { needs: ['one'] }),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    await seen(pids);
    // As another process would: over the same file, with nothing else in common.
    await using elsewhere = await openSqliteState({ file: path.join(dir, 'state.db'), clock: systemClock });
    const { id: runId } = await bench.run(id);
    expect(await elsewhere.control.cancelRun(runId, asking)).toBe(true);
    const asked = await bench.run(id);
    expect(asked).toMatchObject({ state: 'running', cancelAskedAt: 1 });
    expect(statesOf(asked)).toEqual({ one: 'running', two: 'cancelled' });
    const run = await bench.ended(id);
    expect(pids.filter(alive)).toEqual([]);
    expect(run.state).toBe('cancelled');
    expect(run.steps[0]).toMatchObject({ state: 'cancelled', reason: 'cancelled by lena', output: null });
    expect(await bench.lines()).toEqual(['one start']);
    expect(await bench.state.ledger.artifacts(id)).toEqual([]);
    cancelled = true;
    expect(await bench.state.ledger.retryRun(runId, Date.now())).toBe(true);
    expect((await bench.ended(id)).state).toBe('succeeded');
    expect(await bench.state.questions.attempts([run.steps[0]?.key ?? ''])).toMatchObject([
      { number: 1, state: 'cancelled', errorClass: 'cancelled' },
      { number: 2, state: 'succeeded', errorClass: null },
    ]);
  });
});

describe('a step that stands still', () => {
  it('is stopped with its programs, tried again and said so; one that computes in silence is left alone', async () => {
    const pids: number[] = [];
    const stuck = {
      ...testStep('stuck', bench.log, {
        attemptsMax: 1,
        work: shell('echo $$; exec sleep 60', (pid) => pids.push(pid)),
      }),
      stallMs: 600,
    };
    const busy = {
      ...testStep('busy', bench.log, { work: shell('i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done') }),
      stallMs: 600,
    };
    const id = await bench.addSomething(testPipeline([stuck, busy]));
    await bench.runner([stuck, busy]).start();
    const run = await bench.ended(id);
    expect(statesOf(run)).toEqual({ stuck: 'failed', busy: 'succeeded' });
    expect(run.steps[0]).toMatchObject({
      errorClass: 'stalled',
      reason: expect.stringMatching(/^It got nowhere for 0.6 s/),
    });
    expect(pids.filter(alive)).toEqual([]);
  });
});

describe('what is left of a failure', () => {
  it('has the class, the exit code, the end of standard error, and what the step logged', async () => {
    const work = async (context: StepContext) => {
      context.log.info({ secret: 'not kept' }, 'opening the file');
      context.progress(0.4);
      await shell('printf "one\\ntwo\\033[31m red" >&2; exit 3')(context);
    };
    const steps = [testStep('one', bench.log, { attemptsMax: 1, work })];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    const run = await bench.ended(id);
    const [attempt] = await bench.state.questions.attempts([run.steps[0]?.key ?? '']);
    expect(attempt).toMatchObject({
      state: 'failed',
      errorClass: 'transient',
      exitCode: 3,
      stderr: 'one\ntwo red',
      node: 'node-a',
    });
    expect(attempt?.log).toMatch(/^\S+Z info opening the file$/);
    const events = await bench.state.uploads.events({ subject: { kind: 'run', id: run.id }, after: 0, limit: 100 });
    expect(events.find((event) => event.type === 'step.progress')?.data).toMatchObject({ step: 'one', progress: 0.4 });
  });
});

describe('a paused class', () => {
  it('lets what runs finish, starts nothing, and goes on when it is resumed', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const steps = [
      testStep('one', bench.log, { work: () => held }),
      testStep('two', bench.log, { needs: ['one'] }),
      testStep('other', bench.log, { needs: ['one'], class: 'media' }),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    const runner = bench.runner(steps);
    await runner.start();
    await bench.until('one start');
    await bench.state.control.pauseClass('light', asking);
    release();
    await bench.until('other end');
    expect(statesOf(await bench.run(id))).toMatchObject({ one: 'succeeded', two: 'pending' });
    expect(await bench.state.ledger.nextDue()).toBeNull();
    await bench.state.control.resumeClass('light');
    runner.notify();
    expect((await bench.ended(id)).state).toBe('succeeded');
  });
});

describe('a file that kills its server', () => {
  it('D4: is set aside after three times alone with that reason, while others go on', async () => {
    const steps = poisonSteps(bench.log, null);
    const poison = await bench.addSomething(testPipeline(steps));
    const others = [await bench.addSomething(testPipeline(steps)), await bench.addSomething(testPipeline(steps))];
    await bench.close();
    for (let kills = 1; kills <= 3; kills += 1) {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', poisonChild, dir, poison], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    }
    bench = await Bench.open(dir);
    await bench.runner(steps).start();
    for (const id of others) expect((await bench.ended(id, 5_000)).state).toBe('succeeded');
    const run = await bench.ended(poison, 5_000);
    expect(run.steps[0]).toMatchObject({
      state: 'failed',
      attempt: 1,
      errorClass: 'crash',
      reason: 'its worker node-a ended while it ran, 3 times with nothing else running there; it is set aside',
    });
    const attempts = await bench.state.questions.attempts([run.steps[0]?.key ?? '']);
    expect(attempts.map((attempt) => attempt.errorClass)).toEqual(['crash', 'crash', 'crash']);
    expect((await bench.lines()).filter((line) => line === 'only end')).toHaveLength(2);
  });
});
