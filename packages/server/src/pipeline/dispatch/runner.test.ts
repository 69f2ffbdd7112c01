import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, testPipeline, testStep, untilAborted } from '../../../test/pipeline-bench.ts';
import { chain } from '../../../test/pipeline-chain.ts';
import { PermanentStepError, type StepContext } from '../context.ts';
import { runFenced } from '../media/fence.ts';
import { retryDelayMs, standardBackoff } from './backoff.ts';

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

describe('Runner', () => {
  it('runs a chain in order, hands results on, and records files', async () => {
    const seen: unknown[] = [];
    const steps = chain(bench.log, async ({ inputs, assetName, progress }) => {
      progress(0.5);
      const one = inputs['one'];
      seen.push(assetName, one?.output['said'], await readFile((await one?.artifactPath('one.txt')) ?? '', 'utf8'));
      await expect(one?.artifactPath('other.txt')).rejects.toThrow();
    });
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    const run = await bench.ended(id);
    expect(statesOf(run)).toEqual({ one: 'succeeded', two: 'succeeded', three: 'succeeded' });
    expect(await bench.lines()).toEqual(['one start', 'one end', 'two start', 'two end', 'three start', 'three end']);
    expect(seen).toEqual(['talk.mp4', 'one', 'one']);
    const artifacts = await bench.state.ledger.artifacts(id);
    expect(artifacts.map((artifact) => artifact.name).sort()).toEqual(['one.txt', 'three.txt', 'two.txt']);
    for (const artifact of artifacts) expect(await bench.disk.artifacts.check(artifact)).toBe('intact');
  });

  it('never runs again what is finished, neither after a restart nor for a second run of the same content', async () => {
    const steps = chain(bench.log);
    const id = await bench.addSomething(testPipeline(steps));
    const first = bench.runner(steps);
    await first.start();
    await bench.ended(id);
    await first.stop();
    const lines = await bench.lines();
    await bench.close();
    bench = await Bench.open(dir);
    await bench.runner(steps).start();
    const again = await bench.state.ledger.startRun(
      id,
      { ...testPipelinePlan(await bench.run(id)), pipelineVersion: '2' },
      Date.now(),
    );
    await sleep(600);
    expect((await bench.state.ledger.findRun(again))?.state).toBe('succeeded');
    expect(await bench.lines()).toEqual(lines);
  });

  it('retries with growing pauses, then fails with the reason and skips what depends on it', async () => {
    const broken = { attemptsMax: 2, work: () => Promise.reject(new Error('the disk is on fire')) };
    const steps = [
      testStep('one', bench.log, broken),
      testStep('two', bench.log, { needs: ['one'] }),
      testStep('apart', bench.log),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    const started = Date.now();
    await bench.runner(steps).start();
    const run = await bench.ended(id);
    expect(Date.now() - started).toBeGreaterThan(490);
    expect(run.state).toBe('failed');
    expect(statesOf(run)).toEqual({ one: 'failed', two: 'skipped', apart: 'succeeded' });
    expect(run.steps[0]).toMatchObject({ attempt: 2, reason: 'the disk is on fire' });
    expect(count(await bench.lines(), 'one start')).toBe(2);
    expect(await bench.lines()).not.toContain('two start');
  });

  it('runs a step without what it wants, and tells it why that is missing', async () => {
    let seen: object = {};
    const steps = [
      testStep('one', bench.log, { work: () => Promise.reject(new PermanentStepError('no such model')) }),
      testStep('two', bench.log, {
        wants: ['one', 'elsewhere'],
        work: async ({ inputs, missing }) => {
          seen = { inputs, missing };
        },
      }),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    expect(statesOf(await bench.ended(id))).toEqual({ one: 'failed', two: 'succeeded' });
    expect(seen).toEqual({
      inputs: {},
      missing: { one: 'failed: no such model', elsewhere: 'not part of this run' },
    });
  });

  it('does not retry a file that is at fault', async () => {
    const steps = [testStep('one', bench.log, { work: () => Promise.reject(new PermanentStepError('no moov atom')) })];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    expect((await bench.ended(id)).steps[0]).toMatchObject({ state: 'failed', attempt: 1, reason: 'no moov atom' });
  });

  it('a file that always fails does not hold up others', async () => {
    let poison = '';
    const work = ({ asset }: { asset: { id: string } }) =>
      asset.id === poison ? Promise.reject(new Error('poison')) : Promise.resolve();
    const steps = [testStep('only', bench.log, { class: 'media', attemptsMax: 20, work })];
    poison = await bench.addSomething(testPipeline(steps));
    const others = await Promise.all([1, 2, 3].map(() => bench.addSomething(testPipeline(steps))));
    await bench.runner(steps).start();
    for (const id of others) expect((await bench.ended(id, 5_000)).state).toBe('succeeded');
    expect((await bench.run(poison)).state).toBe('running');
  });

  it('keeps to the limits of the classes across assets', async () => {
    let [media, light, mediaMost, lightMost] = [0, 0, 0, 0];
    const heavy = async () => {
      media += 1;
      mediaMost = Math.max(mediaMost, media);
      await sleep(100);
      media -= 1;
    };
    const quick = async () => {
      light += 1;
      lightMost = Math.max(lightMost, light);
      await sleep(100);
      light -= 1;
    };
    const steps = [
      testStep('light', bench.log, { work: quick }),
      testStep('heavy', bench.log, { class: 'media', work: heavy }),
    ];
    const ids = await Promise.all([1, 2, 3, 4].map(() => bench.addSomething(testPipeline(steps))));
    await bench.runner(steps).start();
    for (const id of ids) expect((await bench.ended(id)).state).toBe('succeeded');
    expect({ mediaMost, lightMost }).toEqual({ mediaMost: 1, lightMost: 2 });
  });

  it('stops a step that takes too long and says so', async () => {
    const steps = [
      testStep('slow', bench.log, { timeoutMs: 200, attemptsMax: 1, work: ({ signal }) => untilAborted(signal) }),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps).start();
    expect((await bench.ended(id)).steps[0]?.reason).toBe('It took longer than 0.2 s and was stopped.');
  });

  it('drops the result of one who lost the lease, and tells it to let go', async () => {
    let signalled: AbortSignal | null = null;
    let work = 0;
    const steps = [
      testStep('one', bench.log, {
        work: async ({ signal }) => {
          work += 1;
          if (work > 1) return;
          signalled = signal;
          // Another node took over while this one was out of reach.
          await bench.state.ledger.reclaimHolder('node-a', Date.now());
          await sleep(100);
        },
      }),
    ];
    const id = await bench.addSomething(testPipeline(steps));
    const zombie = bench.runner(steps, { leaseMs: 600, limits: { light: 1 } });
    await zombie.start();
    const run = await bench.ended(id);
    expect(run.steps[0]).toMatchObject({ state: 'succeeded', attempt: 1, fence: 2 });
    expect((signalled as AbortSignal | null)?.aborted).toBe(true);
    expect(work).toBe(2);
  });

  it('gives a step whose node fell silent to another one', async () => {
    const step = testStep('one', bench.log);
    const id = await bench.addSomething(testPipeline([step]));
    const claim = await bench.state.ledger.claim({
      holder: 'silent',
      now: Date.now(),
      leaseMs: 300,
      classes: ['light'],
    });
    expect(claim?.assetName).toBe('talk.mp4');
    await bench.runner([step], { leaseMs: 400 }).start();
    const run = await bench.ended(id, 5_000);
    expect(run.steps[0]).toMatchObject({ state: 'succeeded', fence: 2 });
    expect(
      await bench.state.ledger.succeed(claim?.step.key ?? '', claim?.step.fence ?? 0, {
        output: {},
        artifacts: [],
        now: Date.now(),
      }),
    ).toBe('lost');
  });

  it('keeps a lease alive while a step works longer than it', async () => {
    const steps = [testStep('one', bench.log, { work: () => sleep(1_200) })];
    const id = await bench.addSomething(testPipeline(steps));
    await bench.runner(steps, { leaseMs: 300 }).start();
    await bench.runner(steps, { leaseMs: 300, holder: 'node-b' }).start();
    expect((await bench.ended(id)).steps[0]).toMatchObject({ state: 'succeeded', fence: 1 });
    expect(count(await bench.lines(), 'one start')).toBe(1);
  });

  it('stop ends child processes and gives the step back; nothing is claimed afterwards', async () => {
    let pid = 0;
    const work = async ({ signal, clock }: StepContext) => {
      const take = (chunk: Buffer) => {
        pid = Number(chunk.toString());
      };
      await runFenced({
        command: '/bin/sh',
        args: ['-c', 'echo $$; exec sleep 60'],
        signal,
        clock,
        timeoutMs: 60_000,
        outputs: [{ fd: 1, bytesMax: 100, take }],
      });
    };
    const steps = [testStep('one', bench.log, { work })];
    const id = await bench.addSomething(testPipeline(steps));
    const runner = bench.runner(steps);
    await runner.start();
    while (pid === 0) await sleep(10);
    await runner.stop();
    expect(runner.active).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow();
    expect((await bench.run(id)).steps[0]).toMatchObject({ state: 'pending', leaseHolder: null });
    runner.notify();
    await sleep(300);
    expect(count(await bench.lines(), 'one start')).toBe(1);
  });

  it('says so when it has no step of that version', async () => {
    const planned = testStep('one', bench.log, { attemptsMax: 1 });
    const id = await bench.addSomething(testPipeline([planned]));
    await bench.runner([testStep('one', bench.log, { version: '2' })]).start();
    expect((await bench.ended(id)).steps[0]?.reason).toMatch(/no step one of version 1/);
  });
});

describe('retryDelayMs', () => {
  it('doubles up to 30 s and takes any share of it off', () => {
    expect([1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelayMs(attempt, () => 0))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect([0.25, 0.5, 0.999].map((random) => retryDelayMs(1, () => random))).toEqual([750, 500, 1]);
    const quarter = { ...standardBackoff, jitter: 0.25 };
    expect(retryDelayMs(1, () => 0.999, quarter)).toBe(750);
  });
});

function testPipelinePlan(run: Awaited<ReturnType<Bench['run']>>) {
  const needs: Record<string, string[]> = { one: [], two: ['one'], three: ['two'] };
  const steps = run.steps.map((step) => ({ ...step, needs: needs[step.name] ?? [], wants: [] }));
  return { pipeline: 'test', pipelineVersion: run.pipelineVersion, steps };
}
