/** Waits for the pipeline on one asset. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '@holdfast/protocol';
import type { ApiClient } from './api-client.ts';
import { formatPercent } from './format-text.ts';
import { CommandFailed, exitCodes } from './io.ts';
import type { Display } from './progress.ts';

export interface ProcessingWait {
  readonly api: ApiClient;
  readonly assetId: string;
  readonly display: Display;
  readonly signal: AbortSignal;
}

const pollMs = 1_000;
/** Looks without any run before we take it that this server processes nothing. */
const emptyLooksMax = 3;

/** Whether every run succeeded; true when there is none. @throws CommandFailed */
export async function waitForProcessing({ api, assetId, display, signal }: ProcessingWait): Promise<boolean> {
  let said = '';
  for (let empty = 0; ; ) {
    const runs = await api.runs(assetId).catch((error: unknown) => {
      throw signal.aborted ? interrupted() : error;
    });
    if (runs.length === 0) empty += 1;
    const running = runs.filter((run) => run.state === 'running');
    if (running.length === 0 && (runs.length > 0 || empty >= emptyLooksMax)) {
      for (const run of runs) report(run, display);
      return runs.every((run) => run.state === 'succeeded');
    }
    const words = running.map(progressOf).join('; ');
    if (words !== said && words !== '') display.say(`  processing: ${words}`);
    said = words;
    await delay(pollMs, undefined, { signal }).catch(() => {
      throw interrupted();
    });
  }
}

function interrupted(): CommandFailed {
  return new CommandFailed('interrupted; the server goes on with the processing.', exitCodes.interrupted);
}

function progressOf(run: Run): string {
  const active = run.steps.filter((step) => step.state === 'running');
  const ended = run.steps.filter((step) => ['succeeded', 'skipped', 'failed', 'cancelled'].includes(step.state)).length;
  const names = active.map((step) => (step.progress > 0 ? `${step.name} ${formatPercent(step.progress)}` : step.name));
  return `${run.pipeline}: ${ended} of ${run.steps.length} steps${names.length === 0 ? '' : `, ${names.join(', ')}`}`;
}

function report(run: Run, display: Display): void {
  const steps = run.steps.map(({ name, state, reason }) => ({ name, state, reason }));
  display.event('processed', { assetId: run.assetId, runId: run.id, pipeline: run.pipeline, state: run.state, steps });
  display.say(`${run.state === 'succeeded' ? '✓' : '✗'} ${run.pipeline} ${run.state}`);
  for (const { name, state, reason } of steps) {
    if (state === 'failed' || state === 'skipped' || state === 'cancelled')
      display.say(`    ${name}: ${state}${reason === null ? '' : ` (${reason})`}`);
  }
}
