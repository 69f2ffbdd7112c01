/** Runs single steps on files, as the runner would, with the real tools of this machine. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { noSecrets, type StepInput, type StepResult } from '../src/pipeline/context.ts';
import type { StepDefinition } from '../src/pipeline/definition.ts';
import { findMediaTools, type ReadyTools } from '../src/pipeline/media/tools.ts';
import { probeStep } from '../src/pipeline/steps/probe.ts';
import { systemClock } from '../src/platform/system-clock.ts';

const silent = { info: () => {}, warn: () => {}, error: () => {} };

export async function readyTools(): Promise<ReadyTools> {
  const signal = new AbortController().signal;
  const limits = { threads: 2, memoryBytesMax: 4e9, clock: systemClock, signal };
  const found = await findMediaTools({
    ...limits,
    ffmpegPath: null,
    ffprobePath: null,
    searchPath: process.env['PATH'] ?? '',
  });
  if (found.state === 'missing') throw new Error(`These tests need ffmpeg: ${found.reason}`);
  return found;
}

export interface StepRun {
  readonly result: StepResult;
  /** Of a step that was done; empty otherwise. */
  readonly output: Readonly<Record<string, unknown>>;
  readonly scratch: string;
  /** Everything that it left in its folder. */
  readonly left: readonly string[];
  json<T>(name: string): Promise<T>;
}

export class StepBench {
  readonly #folder: string;
  readonly #tools: ReadyTools;
  #count = 0;

  constructor(folder: string, tools: ReadyTools) {
    this.#folder = folder;
    this.#tools = tools;
  }

  /** Runs one step; `inputs` are runs of earlier ones, by name. */
  async run(
    step: StepDefinition,
    file: string,
    more: { inputs?: Readonly<Record<string, StepRun>>; params?: object; signal?: AbortSignal } = {},
  ): Promise<StepRun> {
    this.#count += 1;
    const scratch = path.join(this.#folder, `scratch-${this.#count}`);
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch);
    const content = await readFile(file);
    const id = createHash('sha256').update(content).digest('hex');
    const result = await step.run({
      asset: { id, size: content.length, contentType: 'video/mp4', createdAt: 0 },
      assetName: path.basename(file),
      assetPath: file,
      inputs: Object.fromEntries(Object.entries(more.inputs ?? {}).map(([name, run]) => [name, inputOf(run)])),
      missing: {},
      secrets: noSecrets,
      scratch,
      params: { ...step.params, ...more.params },
      signal: more.signal ?? new AbortController().signal,
      timeoutMs: step.timeoutMs,
      progress: () => {},
      log: silent,
      tools: this.#tools,
      clock: systemClock,
    });
    return {
      result,
      output: result.kind === 'done' ? result.output : {},
      scratch,
      left: await readdir(scratch),
      json: async <T>(name: string) => JSON.parse(await readFile(path.join(scratch, name), 'utf8')) as T,
    };
  }

  probe(file: string): Promise<StepRun> {
    return this.run(probeStep, file);
  }

  /** The step behind its probe. */
  async afterProbe(step: StepDefinition, file: string, params: object = {}): Promise<StepRun> {
    return this.run(step, file, { inputs: { probe: await this.probe(file) }, params });
  }
}

function inputOf(run: StepRun): StepInput {
  return { output: run.output, artifacts: [], artifactPath: async (name) => path.join(run.scratch, name) };
}
