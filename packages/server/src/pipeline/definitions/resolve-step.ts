/** One step of a file: one of Holdfast's own with other parameters, or a command. */
import { Value } from 'typebox/value';
import { commandStep } from '../command/command-step.ts';
import type { Backoff, StepDefinition } from '../definition.ts';
import { standardBackoff } from '../dispatch/backoff.ts';
import type { StepEntry } from './file-schema.ts';
import { checkNumbers, checkQuantities } from './number-checks.ts';
import { parseDuration } from './quantities.ts';
import { resolveCommand } from './resolve-command.ts';
import type { StepDraft } from './step-draft.ts';
import type { Surroundings } from './surroundings.ts';

const commandOnly = ['version', 'env', 'inherit', 'network', 'outputs', 'exitCodes', 'limits'] as const;
const standard = { class: 'light', priority: 50, attemptsMax: 3, timeoutMs: 3_600_000 };

/** Null when it has mistakes, which the problems of its text then say. */
export function resolveStep(draft: StepDraft, around: Surroundings): StepDefinition | null {
  const { text, path, entry, base } = draft;
  const before = text.problems.length;
  checkClass(draft, around);
  checkQuantities(draft);
  checkNumbers(draft);
  if (entry.uses !== undefined && entry.command !== undefined) {
    text.problem(path, 'A step either "uses" one of Holdfast\'s own or has a "command", not both.');
    return null;
  }
  if (entry.command !== undefined) {
    const command = resolveCommand(draft, around);
    if (command === null || text.problems.length > before) return null;
    return commandStep(command, { ...schedulingOf(draft, base), ...inputsOf(draft, base) });
  }
  const definition =
    entry.uses === undefined ? base : (around.builtInSteps.find((one) => one.name === entry.uses) ?? null);
  if (definition === null) {
    const known = around.builtInSteps.map((step) => step.name).join(', ');
    if (entry.uses === undefined)
      text.problem(path, `The step "${draft.name}" has neither "uses" nor "command". "uses" takes ${known}.`);
    else text.problem([...path, 'uses'], `Holdfast has no step "${entry.uses}". It has ${known}.`);
    return null;
  }
  for (const key of commandOnly)
    if (entry[key] !== undefined)
      text.problemAtKey(
        [...path, key],
        `"${key}" is for steps with a "command"; "${definition.name}" is Holdfast's own.`,
      );
  const params = paramsOf(draft, definition);
  return text.problems.length > before
    ? null
    : {
        ...definition,
        name: draft.name,
        params,
        ...schedulingOf(draft, definition),
        ...addedInputs(entry, definition),
      };
}

function checkClass({ text, path, entry }: StepDraft, around: Surroundings): void {
  const known = Object.keys(around.classes);
  if (entry.class !== undefined && !known.includes(entry.class))
    text.problem(
      [...path, 'class'],
      `There is no class "${entry.class}". Known are ${known.join(', ')}; "classes" at the top of a file adds more.`,
    );
}

function paramsOf(draft: StepDraft, definition: StepDefinition): StepDefinition['params'] {
  const { text, path, entry } = draft;
  const known = Object.keys(definition.params);
  for (const key of Object.keys(entry.with ?? {})) {
    if (known.includes(key)) continue;
    const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
    text.problemAtKey([...path, 'with', key], `"${definition.name}" has no parameter "${key}"; ${takes}.`);
  }
  const params = { ...definition.params, ...entry.with };
  if (known.length === Object.keys(params).length && !Value.Check(definition.paramsSchema, params))
    text.fits(definition.paramsSchema, params, [...path, 'with']);
  return params;
}

function schedulingOf({ entry }: StepDraft, base: StepDefinition | null) {
  const from = base ?? standard;
  const { retries, timeout, stall } = entry;
  const stallMs = stall === undefined ? base?.stallMs : parseDuration(stall);
  const backoff = backoffOf(retries) ?? base?.backoff;
  return {
    class: entry.class ?? from.class,
    priority: entry.priority ?? from.priority,
    attemptsMax: retries?.attempts ?? from.attemptsMax,
    timeoutMs: timeout === undefined ? from.timeoutMs : (parseDuration(timeout) ?? from.timeoutMs),
    ...(backoff === undefined ? {} : { backoff }),
    ...(stallMs == null ? {} : { stallMs }),
  };
}

function backoffOf(retries: StepEntry['retries']): Backoff | undefined {
  if (!retries) return undefined;
  const { initial = '1s', factor = 2, max = '30s', jitter = standardBackoff.jitter } = retries;
  return { initialMs: parseDuration(initial) ?? 1_000, factor, maxMs: parseDuration(max) ?? 30_000, jitter };
}

/** A command in the place of another step waits for the same steps, unless it says otherwise. */
function inputsOf({ entry }: StepDraft, base: StepDefinition | null): Pick<StepDefinition, 'needs' | 'wants'> {
  return { needs: entry.needs ?? base?.needs ?? [], wants: entry.wants ?? base?.wants ?? [] };
}

/** What one of Holdfast's own steps reads is part of it; a file can only add to it. */
function addedInputs(entry: StepEntry, own: StepDefinition): Pick<StepDefinition, 'needs' | 'wants'> {
  const needs = [...new Set([...own.needs, ...(entry.needs ?? [])])];
  return {
    needs,
    wants: [...new Set([...own.wants, ...(entry.wants ?? [])])].filter((want) => !own.needs.includes(want)),
  };
}
