/** A data directory with real stores, a runner over it and steps that write down when they run. */
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { type DiskBlobs, openDiskBlobs } from '../src/blobs/disk/open.ts';
import type { RunWithSteps } from '../src/core/ledger.ts';
import { noCrashPoints } from '../src/core/ports/crash-points.ts';
import type { StepContext, StepResult } from '../src/pipeline/context.ts';
import { definePipeline, defineStep, type Pipeline, type StepDefinition } from '../src/pipeline/definition.ts';
import { Runner } from '../src/pipeline/dispatch/runner.ts';
import type { RunnerSettings } from '../src/pipeline/dispatch/settings.ts';
import type { MediaTools } from '../src/pipeline/media/tools.ts';
import { planRun } from '../src/pipeline/plan.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { openSqliteState, type State } from '../src/state/sql/open.ts';
import { assetPath } from '../src/testing/local-paths.ts';
import { samplePublication, sampleUpload } from '../src/testing/sample-upload.ts';

export const noTools: MediaTools = { state: 'missing', reason: 'ffmpeg was not looked for' };
const silent = { info: () => {}, warn: () => {}, error: () => {} };

export class Bench {
  readonly dir: string;
  readonly state: State;
  readonly disk: DiskBlobs;
  readonly log: string;
  readonly #runners: Runner[] = [];

  private constructor(dir: string, stores: { state: State; disk: DiskBlobs }) {
    this.dir = dir;
    this.state = stores.state;
    this.disk = stores.disk;
    this.log = path.join(dir, 'steps.log');
  }

  static async open(dir: string): Promise<Bench> {
    const disk = await openDiskBlobs({
      dir: path.join(dir, 'data'),
      durability: 'synced',
      reserveBytes: 0,
      hashWorkers: 1,
    });
    const state = await openSqliteState({ file: path.join(dir, 'state.db'), clock: systemClock });
    return new Bench(dir, { state, disk });
  }

  runner(steps: readonly StepDefinition[], more: Partial<RunnerSettings> = {}): Runner {
    const runner = new Runner({
      ledger: this.state.ledger,
      artifacts: this.disk.artifacts,
      assets: this.disk.blobs,
      steps,
      tools: noTools,
      clock: systemClock,
      log: silent,
      crashPoints: noCrashPoints,
      random: () => 0.5,
      holder: 'node-a',
      limits: { light: 2, media: 1, rendition: 1, recognition: 1 },
      leaseMs: 3_000,
      pollMs: 200,
      stopMs: 10_000,
      ...more,
    });
    this.#runners.push(runner);
    return runner;
  }

  /** Puts content in as a completed upload would, with a run of the pipeline; resolves to the asset's id. */
  async add(content: Uint8Array, name: string, pipeline: Pipeline): Promise<string> {
    const id = createHash('sha256').update(content).digest('hex');
    await writeFile(await assetPath(this.disk.blobs, id), content);
    const phase = { name: 'completed', at: systemClock.now(), assetId: id } as const;
    const upload = sampleUpload({ size: content.length, filename: name, safeName: name, phase });
    const asset = { id, size: content.length, contentType: upload.contentType, createdAt: upload.createdAt };
    await this.state.uploads.create(upload, [], [samplePublication(upload, id, [planRun(pipeline, asset)])], 100);
    return id;
  }

  async addSomething(pipeline: Pipeline): Promise<string> {
    return this.add(Buffer.from(randomUUID()), 'talk.mp4', pipeline);
  }

  async run(assetId: string): Promise<RunWithSteps> {
    const run = (await this.state.ledger.runsOf(assetId))[0];
    if (!run) throw new Error('the asset has no run');
    return run;
  }

  /** Resolves once the asset's run has ended. */
  async ended(assetId: string, withinMs = 20_000): Promise<RunWithSteps> {
    for (const until = Date.now() + withinMs; Date.now() < until; await sleep(20)) {
      const run = await this.run(assetId);
      if (run.state !== 'running') return run;
    }
    throw new Error(`the run did not end: ${JSON.stringify((await this.run(assetId)).steps, null, 1)}`);
  }

  /** What steps wrote down, in order. */
  async lines(): Promise<string[]> {
    const text = await readFile(this.log, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async until(line: string, withinMs = 10_000): Promise<void> {
    for (const end = Date.now() + withinMs; Date.now() < end; await sleep(10)) {
      if ((await this.lines()).includes(line)) return;
    }
    throw new Error(`never saw ${line}: ${(await this.lines()).join(', ')}`);
  }

  async close(): Promise<void> {
    for (const runner of this.#runners) await runner.stop();
    await this.state.close();
    await this.disk.blobs.close();
  }
}

interface TestStep {
  readonly needs?: readonly string[];
  readonly wants?: readonly string[];
  readonly class?: string;
  readonly attemptsMax?: number;
  readonly timeoutMs?: number;
  readonly version?: string;
  readonly priority?: number;
  work?(context: StepContext): Promise<unknown>;
}

/** A step that writes `<name> start` and `<name> end` around its work, and a file `<name>.txt`. */
export function testStep(name: string, log: string, options: TestStep = {}): StepDefinition {
  return defineStep({
    name,
    version: options.version ?? '1',
    class: options.class ?? 'light',
    priority: options.priority ?? 0,
    attemptsMax: options.attemptsMax ?? 3,
    timeoutMs: options.timeoutMs ?? 30_000,
    needs: options.needs ?? [],
    wants: options.wants ?? [],
    params: {},
    paramsSchema: Type.Object({}),
    appliesTo: () => true,
    async run(context): Promise<StepResult> {
      await appendFile(log, `${name} start\n`);
      await options.work?.(context);
      await writeFile(path.join(context.scratch, `${name}.txt`), name);
      await appendFile(log, `${name} end\n`);
      const provenance = { engine: 'test', engineVersion: '1', params: {}, inputSha256: context.asset.id };
      return {
        kind: 'done',
        output: { ...provenance, said: name },
        files: [{ name: `${name}.txt`, contentType: 'text/plain' }],
      };
    },
  });
}

export function testPipeline(steps: readonly StepDefinition[]): Pipeline {
  return definePipeline({ name: 'test', version: '1', steps });
}

/** Waits until the signal fires, then rejects as a good step does. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setInterval(() => {}, 1_000);
    const onAbort = () => {
      clearInterval(timer);
      reject(new Error('aborted'));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
