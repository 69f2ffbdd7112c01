/** What the checks of dispatchers work on: nodes in this process and in processes of their own, over one ledger. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Step, StepPlan } from '../core/ledger.ts';
import type { CrashPointName } from '../core/ports/crash-points.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { RunControl } from '../core/ports/run-control.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { Check } from './conformance.ts';
import { publish } from './ledger-store-subject.ts';
import { samplePlan, sampleStep, unique } from './sample-upload.ts';

/** One attempt at a step of a check. */
export interface Work {
  /** As the check called it. */
  readonly id: string;
  readonly signal: AbortSignal;
}

export interface NodeOptions {
  /** The name of the node in the ledger. */
  readonly holder: string;
  /** Places by class. */
  readonly places: Readonly<Record<string, number>>;
  /** Places by class on all nodes together; default: no limit. */
  readonly clusterPlaces?: Readonly<Record<string, number>>;
  /** Default: long enough never to end in a check. */
  readonly leaseMs?: number;
  /** What every step of the node does; it succeeds when this resolves. */
  work(work: Work): Promise<void>;
}

export interface DispatchNode {
  readonly active: number;
  stop(): Promise<void>;
}

export interface ProcessOptions {
  readonly holder: string;
  readonly class: string;
  readonly leaseMs: number;
  /** Kills itself with SIGKILL when it comes there. */
  readonly crashAt?: CrashPointName;
  /** Its steps do not end before `release` is called. */
  readonly holds?: boolean;
}

export interface DispatchProcess {
  /** Resolves once the process has written the line: `<id> start`, or `ended` with how the attempt ended. */
  says(line: string): Promise<void>;
  release(): Promise<void>;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  readonly ended: Promise<void>;
}

export interface Dispatchers {
  readonly ledger: LedgerStore;
  readonly control: RunControl;
  readonly uploads: UploadStore;
  /** How long a check waits for what should happen soon. */
  readonly patienceMs: number;
  /** Starts a node; it retries failed steps after half a second. All nodes are stopped when the subject is closed. */
  node(options: NodeOptions): Promise<DispatchNode>;
  process(options: ProcessOptions): Promise<DispatchProcess>;
  /** Deletes all messages that were not delivered yet. Does nothing where there are none. */
  loseMessages(): Promise<void>;
  /** Delivers once more that the step is due, whether it is or not. Does nothing where there are no messages. */
  repeatMessage(step: Pick<StepPlan, 'key' | 'class' | 'priority'>): Promise<void>;
  /** Kills the database and starts it again. Does nothing where it is a file. */
  restartDatabase(): Promise<void>;
}

export type DispatcherCheck = Check<Dispatchers>;

/** A plan of steps of one class that no other check uses; `id` of the work is the step's name. */
export function steps(names: readonly string[], given: Partial<StepPlan> = {}): StepPlan[] {
  const own = unique('class').slice(0, 40);
  return names.map((name) => sampleStep('work', { class: own, params: { id: name }, ...given }));
}

/** An asset with one run for each of the steps, started in that order; resolves to the ids of the runs. */
export async function begin({ uploads, ledger }: Dispatchers, of: readonly StepPlan[]): Promise<string[]> {
  const { assetId } = await publish(uploads);
  const ids: string[] = [];
  for (const step of of)
    ids.push(await ledger.startRun(assetId, samplePlan([step], { pipeline: unique('pipeline') }), Date.now()));
  return ids;
}

/** Waits for a condition. Rejects with the words when it does not come. */
export async function until(
  subject: Pick<Dispatchers, 'patienceMs'>,
  words: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = Date.now() + subject.patienceMs; !(await holds()); await sleep(20))
    if (Date.now() > end) throw new Error(`It did not come to this: ${words}`);
}

/** Resolves to the steps once all of the runs have ended. */
export async function ended(subject: Dispatchers, runs: readonly string[]): Promise<Step[]> {
  const found: Step[] = [];
  for (const id of runs) {
    await until(subject, 'the runs end', async () => (await subject.ledger.findRun(id))?.state !== 'running');
    found.push(...((await subject.ledger.findRun(id))?.steps ?? []));
  }
  return found;
}

export async function stateOf({ ledger }: Dispatchers, run: string | undefined): Promise<Step | undefined> {
  return (await ledger.findRun(run ?? ''))?.steps[0];
}

/** Until the node is told to let go, or for ever. */
export function untilAborted({ signal }: Work): Promise<never> {
  return new Promise((_, reject) => {
    const letGo = () => reject(new Error('told to let go'));
    if (signal.aborted) letGo();
    else signal.addEventListener('abort', letGo, { once: true });
  });
}
