/** Pipelines and plans as lines for a terminal. Pure. */
import type { Pipeline, PlannedRun } from '@holdfast/protocol';
import { formatDuration, formatTable, safeText } from './format-text.ts';

/** Different reasons that are counted one by one. */
const reasonsMax = 1_000;

export function pipelineLines(pipelines: readonly Pipeline[]): string[] {
  if (pipelines.length === 0) return ['No pipelines: nothing is processed.'];
  return pipelines.flatMap(({ name, version, applies, steps }, i) => {
    const rows = steps.map((step) => [
      `  ${step.name}`,
      step.version,
      step.class,
      String(step.priority),
      `${step.attemptsMax} × ${formatDuration(step.timeoutSeconds)}`,
      inputs(step.needs, step.wants),
      doing(step),
    ]);
    const conditions = Object.keys(applies).length === 0 ? '' : `  applies: ${JSON.stringify(applies)}`;
    const head = ['  STEP', 'VERSION', 'CLASS', 'PRIORITY', 'ATTEMPTS', 'WAITS FOR', 'DOES'];
    return [...(i === 0 ? [] : ['']), `${name}  ${version}${conditions}`, ...formatTable([head, ...rows])];
  });
}

function inputs(needs: readonly string[], wants: readonly string[]): string {
  return [...needs, ...wants.map((name) => `(${name})`)].join(' ') || '-';
}

function doing({ kind, params }: Pipeline['steps'][number]): string {
  const words = params['command'];
  if (kind !== 'command' || !Array.isArray(words)) return 'built in';
  return safeText(words.flat().join(' '));
}

/** One run of a plan, step by step. */
export function plannedRunLines({ assetName, assetId, pipeline, pipelineVersion, steps }: PlannedRun): string[] {
  const words = { run: 'run', taken: 'take from the ledger', 'under-way': 'under way', stays: 'leave' } as const;
  const rows = steps.map((step) => [`  ${words[step.action]}`, step.name, safeText(step.why)]);
  return [`${safeText(assetName)}  ${assetId.slice(0, 12)}…  ${pipeline} ${pipelineVersion}`, ...formatTable(rows)];
}

/** Adds up a plan of any size: how many steps run for which reason. */
export class PlanSummary {
  looked = 0;
  runs = 0;
  taken = 0;
  toRun = 0;
  readonly #reasons = new Map<string, number>();

  add(page: { readonly looked: number; readonly items: readonly PlannedRun[] }): void {
    this.looked += page.looked;
    for (const { pipeline, steps } of page.items) {
      this.runs += 1;
      for (const { name, action, why } of steps) {
        if (action !== 'run') {
          this.taken += action === 'taken' ? 1 : 0;
          continue;
        }
        this.toRun += 1;
        const reason = `${pipeline}/${name}: ${safeText(why)}`;
        const key = this.#reasons.has(reason) || this.#reasons.size < reasonsMax ? reason : 'other reasons';
        this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1);
      }
    }
  }

  json(): object {
    const reasons = Object.fromEntries(this.#reasons);
    return { looked: this.looked, runs: this.runs, stepsToRun: this.toRun, stepsTaken: this.taken, reasons };
  }

  lines(): string[] {
    if (this.runs === 0) return [`${count(this.looked, 'asset')} looked at: everything is up to date.`];
    const reasons = [...this.#reasons].sort((a, b) => b[1] - a[1]).map(([reason, n]) => [String(n), reason]);
    return [
      `${count(this.looked, 'asset')} looked at, ${count(this.runs, 'run')} to start: ${count(this.toRun, 'step')} to run, ${this.taken} taken from the ledger.`,
      ...formatTable(reasons).map((line) => `  ${line}`),
    ];
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
