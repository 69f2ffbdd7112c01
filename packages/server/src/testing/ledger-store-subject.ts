/** What the checks of ledger stores work on, and the few things that most of them do. */
import { expect } from 'vitest';
import type { RunPlan, StepPlan } from '../core/ledger.ts';
import type { Claim, LedgerStore } from '../core/ports/ledger-store.ts';
import type { RunControl } from '../core/ports/run-control.ts';
import type { RunQuestions } from '../core/ports/run-questions.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { LoggedEvent, Upload } from '../core/upload.ts';
import type { Check } from './conformance.ts';
import {
  samplePlan,
  samplePublication,
  sampleStep,
  sampleUpload,
  sha256Of,
  someTime,
  unique,
} from './sample-upload.ts';

export interface Ledgers {
  readonly ledger: LedgerStore;
  /** The same data opened once more, as another process would. */
  readonly other: LedgerStore;
  readonly control: RunControl;
  readonly questions: RunQuestions;
  /** Where assets come from. */
  readonly uploads: UploadStore;
}

export type LedgerCheck = Check<Ledgers>;

export const now = someTime;
export const leaseMs = 30_000;
/** Later than any lease that checks give. */
export const afterLease = now + leaseMs + 1;

/** An asset that came in by one upload, with the runs that its completion starts. */
export async function publish(
  uploads: UploadStore,
  runs: readonly RunPlan[] = [],
  given: Partial<Upload> = {},
): Promise<{ assetId: string; principal: string }> {
  const assetId = sha256Of(unique('content'));
  const upload = sampleUpload(given);
  await uploads.create(upload, [], [samplePublication(upload, assetId, runs)], 1_000_000);
  return { assetId, principal: upload.principal };
}

/** Steps by name, all of one class that nobody else uses: `{ b: ['a'] }` is a step b that needs a. */
export function graph(
  needs: Readonly<Record<string, readonly string[]>>,
  given: Partial<StepPlan> = {},
): { plan: RunPlan; class: string; key: (name: string) => string } {
  const own = unique('class');
  const steps = Object.entries(needs).map(([name, needed]) =>
    sampleStep(name, { class: own, needs: needed, ...given }),
  );
  const keys = new Map(steps.map((step) => [step.name, step.key]));
  return {
    plan: samplePlan(steps, { pipeline: unique('pipeline') }),
    class: own,
    key: (name) => keys.get(name) ?? name,
  };
}

/** Claims a step of the class and expects it to be the named one. */
export async function take(ledger: LedgerStore, of: string, name: string, at = now): Promise<Claim> {
  const claim = await ledger.claim({ holder: 'node-a', now: at, leaseMs, classes: [of] });
  if (claim === null) throw new Error(`No step is due, ${name} should be.`);
  expect(claim.step.name).toBe(name);
  return claim;
}

export async function nothingDue(ledger: LedgerStore, of: string, at = now): Promise<void> {
  expect((await ledger.claim({ holder: 'node-a', now: at, leaseMs, classes: [of] }))?.step.name).toBeUndefined();
}

export function done(ledger: LedgerStore, claim: Claim, output: Readonly<Record<string, unknown>> = {}) {
  return ledger.succeed(claim.step.key, claim.step.fence, { output, artifacts: [], now });
}

/** States of a run and of its steps by name. */
export async function states(ledger: LedgerStore, runId: string): Promise<Record<string, string>> {
  const run = await ledger.findRun(runId);
  if (run === null) throw new Error(`No run ${runId}.`);
  return { run: run.state, ...Object.fromEntries(run.steps.map((step) => [step.name, step.state])) };
}

export function eventsOf(uploads: UploadStore, runId: string): Promise<LoggedEvent[]> {
  return uploads.events({ subject: { kind: 'run', id: runId }, after: 0, limit: 1_000 });
}

/** Types of a run's events, with the step's name where there is one: `step.started probe`. */
export async function history(uploads: UploadStore, runId: string): Promise<string[]> {
  return (await eventsOf(uploads, runId)).map((event) =>
    [event.type, event.data['step']].filter((word) => word !== undefined).join(' '),
  );
}
