/** From definition files to the pipelines of this server. */
import { HoldfastError } from '../../core/errors.ts';
import type { Pipeline, StepDefinition } from '../definition.ts';
import { DefinitionText, type Problem } from './definition-text.ts';
import { type ClassEntry, FileShape, type PipelineEntry, PipelineShape, StepShape } from './file-schema.ts';
import { type PipelineDraft, resolvePipeline } from './resolve-pipeline.ts';
import type { Surroundings } from './surroundings.ts';

/** Places of a class on one node, as the short form allows. */
const placesMax = 256;

export interface DefinitionFile {
  /** For errors: the path as it was given. */
  readonly name: string;
  readonly text: string;
}

export interface Definitions {
  readonly pipelines: readonly Pipeline[];
  /** How many steps of each class may run at once on this node. */
  readonly classes: Readonly<Record<string, number>>;
  /** The same for all nodes together; only of classes that are limited so. */
  readonly clusterClasses: Readonly<Record<string, number>>;
}

/** Throws `invalid-request` whose message has a line for every mistake, and whose details have them as `problems`. */
export function loadDefinitions(files: readonly DefinitionFile[], around: Surroundings): Definitions {
  const texts = files.map((file) => new DefinitionText(file));
  const drafts = texts.flatMap((text) => readFile(text));
  const rooms: Readonly<Record<string, ClassEntry>> = Object.assign({}, ...drafts.map((draft) => draft.classes));
  const classes = { ...around.classes, ...perNode(rooms, around.classes) };
  const known = { ...around, classes };
  const resolved = drafts.flatMap((draft) =>
    draft.pipelines.flatMap((pipeline) => resolvePipeline(pipeline, known) ?? []),
  );
  refuseDoubles(drafts.flatMap((draft) => draft.pipelines));
  refuseMixedNames(
    drafts.flatMap((draft) => draft.pipelines),
    [...resolved, around.base],
  );
  const problems = texts.flatMap((text) => text.problems);
  if (problems.length > 0) throw refused(problems);
  const replaced = resolved.some((pipeline) => pipeline.name === around.base.name);
  const withBase = !replaced && drafts.every((draft) => draft.default);
  return { pipelines: withBase ? [around.base, ...resolved] : resolved, classes, clusterClasses: perCluster(rooms) };
}

/** A class that is limited for all nodes only may have as many places on one. */
function perNode(
  rooms: Readonly<Record<string, ClassEntry>>,
  standard: Readonly<Record<string, number>>,
): Record<string, number> {
  const placesOf = (name: string, room: ClassEntry) =>
    typeof room === 'number' ? room : (room.perNode ?? standard[name] ?? Math.min(room.cluster ?? 1, placesMax));
  return Object.fromEntries(Object.entries(rooms).map(([name, room]) => [name, placesOf(name, room)]));
}

function perCluster(rooms: Readonly<Record<string, ClassEntry>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rooms).flatMap(([name, room]) =>
      typeof room === 'number' || room.cluster === undefined ? [] : [[name, room.cluster]],
    ),
  );
}

interface FileDraft {
  readonly default: boolean;
  readonly classes: Readonly<Record<string, ClassEntry>>;
  readonly pipelines: readonly PipelineDraft[];
}

function readFile(text: DefinitionText): FileDraft[] {
  const content = text.content();
  if (text.problems.length > 0 || !text.fits(FileShape, content, [])) return [];
  const file = content as { default?: boolean; classes?: Record<string, ClassEntry>; pipelines: unknown[] };
  const pipelines = file.pipelines.flatMap((entry, i) => {
    const path = ['pipelines', i];
    if (!text.fits(PipelineShape, entry, path)) return [];
    const steps = ((entry as PipelineEntry).steps ?? []).map((step, n) => ({
      path: [...path, 'steps', n],
      fits: text.fits(StepShape, step, [...path, 'steps', n]),
      entry: step,
    }));
    if (!steps.every((step) => step.fits)) return [];
    return [{ text, path, entry: entry as PipelineEntry, steps: steps as PipelineDraft['steps'] }];
  });
  return [{ default: file.default ?? true, classes: file.classes ?? {}, pipelines }];
}

function refuseDoubles(drafts: readonly PipelineDraft[]): void {
  const seen = new Map<string, PipelineDraft>();
  for (const draft of drafts) {
    const first = seen.get(draft.entry.name);
    if (first)
      draft.text.problem(
        [...draft.path, 'name'],
        `There is a pipeline "${draft.entry.name}" already, in ${first.text.name}: give this one another name.`,
      );
    else seen.set(draft.entry.name, draft);
  }
}

/** The ledger knows a step by its name and version, so a name may not stand for two of Holdfast's own steps. */
function refuseMixedNames(drafts: readonly PipelineDraft[], pipelines: readonly Pipeline[]): void {
  const codes = new Map<string, StepDefinition['run']>();
  for (const pipeline of pipelines) {
    for (const step of pipeline.steps.filter((one) => one.kind === 'code')) {
      const known = codes.get(step.name);
      codes.set(step.name, step.run);
      if (known === undefined || known === step.run) continue;
      const draft = drafts.find((one) => one.entry.name === pipeline.name) ?? drafts[0];
      draft?.text.problem(
        draft.path,
        `The step "${step.name}" of "${pipeline.name}" uses another step of Holdfast than a step of the same name elsewhere: give it another name.`,
      );
    }
  }
}

function refused(problems: readonly Problem[]): HoldfastError {
  const sorted = problems.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column);
  const lines = sorted.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const count = sorted.length === 1 ? 'a mistake' : `${sorted.length} mistakes`;
  return new HoldfastError('invalid-request', `The pipeline definitions have ${count}:\n${lines.join('\n')}`, {
    details: { problems: sorted },
  });
}
