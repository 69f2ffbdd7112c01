/** What a plan would do for an asset that has a history, and why. Pure. */
import type { RunPlan, RunWithSteps, Step, StepPlan } from '../core/ledger.ts';
import type { StepForecast } from '../core/ports/pipeline-admin.ts';
import { canonicalJson } from './canonical-json.ts';

const changesShown = 3;
const valueCharsMax = 40;

/** `runs`: all runs of the asset, newest first. */
export function forecast(plan: RunPlan, runs: readonly RunWithSteps[]): StepForecast[] {
  const known = new Map(runs.flatMap((run) => run.steps).map((step) => [step.key, step]));
  const before = [...runs.filter((run) => run.pipeline === plan.pipeline), ...runs];
  return plan.steps.map((step) => {
    const existing = known.get(step.key);
    return {
      name: step.name,
      ...(existing ? actionOf(existing) : { action: 'run', why: reasonOf(step, plan, before) }),
    };
  });
}

function actionOf({ state, reason }: Step): Pick<StepForecast, 'action' | 'why'> {
  const because = reason === null ? '' : `: ${reason}`;
  switch (state) {
    case 'succeeded':
      return { action: 'taken', why: 'the ledger has it' };
    case 'blocked':
    case 'pending':
    case 'running':
      return { action: 'under-way', why: state };
    default:
      return { action: 'stays', why: `${state}${because}` };
  }
}

/** Compared with the step of the same name in the newest run that has one. */
function reasonOf(step: StepPlan, plan: RunPlan, before: readonly RunWithSteps[]): string {
  const run = before.find((one) => one.steps.some((other) => other.name === step.name));
  const previous = run?.steps.find((other) => other.name === step.name);
  if (!run || !previous) return 'new';
  const reasons: string[] = [];
  if (previous.version !== step.version) reasons.push(`version ${previous.version} → ${step.version}`);
  const changes = parameterChanges(previous.params, step.params);
  if (changes.length > 0) reasons.push(`parameters changed: ${shortened(changes)}`);
  if (reasons.length === 0) reasons.push(...inputChanges(step, plan, run));
  return reasons.length === 0 ? 'its inputs changed' : reasons.join('; ');
}

function inputChanges(step: StepPlan, plan: RunPlan, run: RunWithSteps): string[] {
  return [...step.needs, ...step.wants].flatMap((name) => {
    const before = run.steps.find((one) => one.name === name);
    if (!before) return [`input ${name} is new`];
    const now = plan.steps.find((one) => one.name === name);
    return now?.key === before.key ? [] : [`input ${name} changed`];
  });
}

/** `ratioMin 3.5 → 4`, by the path of each value that differs. Values of the environment may be secret and are not shown. */
export function parameterChanges(before: unknown, after: unknown): string[] {
  const [old, now] = [leaves(before), leaves(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  return paths
    .filter((path) => old.get(path) !== now.get(path))
    .map((path) => {
      if (path.startsWith('env.')) return `${path} changed`;
      const [from, to] = [old.get(path), now.get(path)].map((value) =>
        value === undefined ? 'nothing' : short(value),
      );
      return `${path} ${from} → ${to}`;
    });
}

function leaves(value: unknown, path = ''): Map<string, string> {
  if (Array.isArray(value)) return merged(value.map((item, i) => leaves(item, `${path}[${i}]`)));
  if (typeof value === 'object' && value !== null)
    return merged(Object.entries(value).map(([key, item]) => leaves(item, path === '' ? key : `${path}.${key}`)));
  return value === undefined ? new Map() : new Map([[path, canonicalJson(value)]]);
}

function merged(maps: readonly ReadonlyMap<string, string>[]): Map<string, string> {
  return new Map(maps.flatMap((map) => [...map]));
}

function short(text: string): string {
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text;
}

function shortened(changes: readonly string[]): string {
  const more = changes.length - changesShown;
  return changes.slice(0, changesShown).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
