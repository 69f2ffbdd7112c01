/** One pipeline of a file: what it extends, its steps, and whether they fit together. */
import type { Applies } from '../applies.ts';
import { definePipeline, type Pipeline, type StepDefinition } from '../definition.ts';
import type { DefinitionText, Path } from './definition-text.ts';
import type { PipelineEntry, StepEntry } from './file-schema.ts';
import { parseSize } from './quantities.ts';
import { resolveStep } from './resolve-step.ts';
import { inOrder } from './step-order.ts';
import type { Surroundings } from './surroundings.ts';

export interface PipelineDraft {
  readonly text: DefinitionText;
  readonly path: Path;
  readonly entry: PipelineEntry;
  readonly steps: readonly { readonly path: Path; readonly entry: StepEntry }[];
}

/** Null when it has mistakes, which the problems of its text then say. */
export function resolvePipeline(draft: PipelineDraft, around: Surroundings): Pipeline | null {
  const { text, entry, path } = draft;
  const before = text.problems.length;
  const base = baseSteps(draft, around);
  const steps = new Map(base.map((step) => [step.name, step]));
  const paths = new Map<string, Path>();
  for (const { entry: step, path: at } of draft.steps) {
    const name = step.name ?? step.uses;
    if (name === undefined) {
      text.problem(at, 'The step has no name: give it a "name", and "uses" or "command".');
      continue;
    }
    if (paths.has(name)) {
      text.problem(at, `There is a step "${name}" in this pipeline already: give this one another name.`);
      continue;
    }
    paths.set(name, at);
    const resolved = resolveStep({ text, path: at, entry: step, name, base: steps.get(name) ?? null }, around);
    if (resolved) steps.set(name, resolved);
  }
  if (text.problems.length > before) return null;
  const all = [...steps.values()];
  if (all.length === 0) text.problem(path, `The pipeline "${entry.name}" has no steps: give it some, or "extends".`);
  const at = (name: string) => paths.get(name) ?? path;
  checkInputs(all, { text, at, base });
  const ordered = inOrder(all);
  if (!ordered.ok)
    text.problem(
      at(ordered.cycle.find((name) => paths.has(name)) ?? ''),
      `The steps wait for each other in a circle: ${ordered.cycle.join(' → ')}. Take one of these needs or wants away.`,
    );
  if (text.problems.length > before || !ordered.ok) return null;
  return definePipeline({ name: entry.name, applies: appliesOf(entry, around), steps: ordered.steps });
}

function baseSteps(draft: PipelineDraft, around: Surroundings): StepDefinition[] {
  const { text, entry, path } = draft;
  const { base } = around;
  if (entry.extends === undefined) {
    if (entry.without) text.problem([...path, 'without'], '"without" takes steps away from what "extends" names.');
    return [];
  }
  if (entry.extends !== base.name) {
    text.problem([...path, 'extends'], `Only the built-in pipeline "${base.name}" can be extended.`);
    return [];
  }
  const without = entry.without ?? [];
  without.forEach((name, i) => {
    if (!base.steps.some((step) => step.name === name))
      text.problem(
        [...path, 'without', i],
        `"${base.name}" has no step "${name}"; it has ${base.steps.map((step) => step.name).join(', ')}.`,
      );
  });
  return base.steps.filter((step) => !without.includes(step.name));
}

function checkInputs(
  steps: readonly StepDefinition[],
  place: {
    readonly text: DefinitionText;
    readonly at: (name: string) => Path;
    readonly base: readonly StepDefinition[];
  },
): void {
  const { text, at, base } = place;
  const names = new Set(steps.map((step) => step.name));
  const list = [...names].join(', ');
  for (const step of steps) {
    for (const need of step.needs) {
      if (need === step.name) text.problem([...at(step.name), 'needs'], `"${step.name}" needs itself.`);
      else if (!names.has(need))
        text.problem(
          [...at(step.name), 'needs'],
          `"${step.name}" needs a step "${need}", which this pipeline does not have: add it, or take "${step.name}" away too. It has ${list}.`,
        );
    }
    const own = base.find((one) => one.name === step.name);
    for (const want of step.wants) {
      if (step.needs.includes(want))
        text.problem(
          [...at(step.name), 'wants'],
          `"${step.name}" both needs and wants "${want}": one of them is enough.`,
        );
      // Holdfast's own steps want some that need not be there.
      else if (!names.has(want) && step.kind === 'command' && !own?.wants.includes(want))
        text.problem(
          [...at(step.name), 'wants'],
          `"${step.name}" wants a step "${want}", which this pipeline does not have. It has ${list}.`,
        );
    }
  }
}

function appliesOf(entry: PipelineEntry, around: Surroundings): Applies {
  const given = entry.applies;
  if (!given) return entry.extends === undefined ? {} : around.base.applies;
  const [min, max] = [given.size?.min, given.size?.max].map((text) => (text === undefined ? null : parseSize(text)));
  return {
    ...(given.types === undefined ? {} : { types: given.types.map((type) => type.toLowerCase()) }),
    ...(given.sources === undefined ? {} : { sources: given.sources }),
    ...(given.metadata === undefined ? {} : { metadata: given.metadata }),
    ...(given.size === undefined
      ? {}
      : { size: { ...(typeof min === 'number' ? { min } : {}), ...(typeof max === 'number' ? { max } : {}) } }),
  };
}
