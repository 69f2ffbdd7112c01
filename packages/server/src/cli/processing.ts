/** Waits for the pipeline on one asset. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '@holdfast/protocol';
import { type ApiClient, ServerAway } from './api-client.ts';
import { formatDuration, formatPercent } from './format-text.ts';
import { CommandFailed, exitCodes } from './io.ts';
import type { Display } from './progress.ts';

export interface ProcessingWait {
  readonly api: ApiClient;
  readonly assetId: string;
  readonly display: Display;
  /** How long without an answer until it is given up; null: never. */
  readonly giveUpAfterMs: number | null;
  readonly signal: AbortSignal;
}

const pollMs = 1_000;
/** Between two looks at a server that is away: up to a second at first, then twice as long each time. */
const awayMsMax = 30_000;
/** A longer `Retry-After` is a wrong clock. */
const retryAfterMsMax = 10 * 60_000;
/** Looks without any run before we take it that this server processes nothing. */
const emptyLooksMax = 3;

/** Whether every run succeeded; true when there is none. @throws CommandFailed */
export async function waitForProcessing(wait: ProcessingWait): Promise<boolean> {
  const { display, signal } = wait;
  let said = '';
  for (let empty = 0; ; ) {
    const runs = await runsWhenBack(wait);
    if (runs.length === 0) empty += 1;
    const running = runs.filter((run) => run.state === 'running');
    if (running.length === 0 && (runs.length > 0 || empty >= emptyLooksMax)) {
      for (const run of runs) report(run, display);
      return runs.every((run) => run.state === 'succeeded');
    }
    const words = running.map(progressOf).join('; ');
    if (words !== said && words !== '') display.say(`  processing: ${words}`);
    said = words;
    await pause(pollMs, signal);
  }
}

/** As soon as the server tells them: it is waited for as the upload waited. */
async function runsWhenBack({ api, assetId, display, giveUpAfterMs, signal }: ProcessingWait): Promise<Run[]> {
  const since = Date.now();
  for (let failures = 0; ; failures += 1) {
    try {
      return await api.runs(assetId);
    } catch (error) {
      if (signal.aborted) throw interrupted();
      if (!(error instanceof ServerAway)) throw error;
      if (giveUpAfterMs !== null && Date.now() - since >= giveUpAfterMs) throw error;
      const ms = awayMs(error, failures);
      const { reason } = error;
      display.event('waiting', { assetId, reason, until: new Date(Date.now() + ms).toISOString() });
      const what = reason === 'busy' ? 'server busy' : 'server not reachable';
      display.say(`  processing: ${what}, trying again in ${formatDuration(Math.max(1, ms / 1_000))}`);
      await pause(ms, signal);
    }
  }
}

function awayMs({ retryAfterMs }: ServerAway, failures: number): number {
  if (retryAfterMs !== null) return Math.min(retryAfterMs, retryAfterMsMax) + Math.random() * 1_000;
  return Math.random() * Math.min(1_000 * 2 ** failures, awayMsMax);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {
    throw interrupted();
  });
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
