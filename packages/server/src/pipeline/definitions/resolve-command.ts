/** The command of a step: placeholders that stand for something, outputs that can be told apart, limits. */
import path from 'node:path';
import type { CommandParams, CommandRules, CommandSpec, OutputSpec } from '../command/command-spec.ts';
import { type Placeholder, parseTemplate } from '../command/template.ts';
import type { Path } from './definition-text.ts';
import { parseDuration, parseSize } from './quantities.ts';
import type { StepDraft } from './step-draft.ts';
import type { Surroundings } from './surroundings.ts';

const outputBytesMax = 1024 ** 3;
/** JSON is read whole. */
const jsonBytesMax = 16 * 1024 ** 2;
const fileNamePattern = /^[\p{L}\p{N}_{][\p{L}\p{M}\p{N}._ {}-]*$/u;
/** Names that every step's output has already. */
const reserved = ['engine', 'engineVersion', 'params', 'inputSha256', 'data', 'seconds'];

export function resolveCommand(draft: StepDraft, around: Surroundings): CommandSpec | null {
  const { text, path: at, entry, name, base } = draft;
  const before = text.problems.length;
  if (entry.version === undefined)
    text.problem(at, `The command of "${name}" has no "version": raise it when the program gives other results.`);
  checkProgram(draft);
  const command = (entry.command ?? []).map((word) => (Array.isArray(word) ? word.map(String) : String(word)));
  const params: CommandParams = {
    command,
    with: scalars(draft),
    env: Object.fromEntries(Object.entries(entry.env ?? {}).map(([key, value]) => [key, String(value)])),
    inherit: entry.inherit ?? [],
    network: entry.network ?? false,
    outputs: outputsOf(draft),
  };
  const needs = entry.needs ?? base?.needs ?? [];
  const wants = entry.wants ?? base?.wants ?? [];
  const check = (words: string, where: Path) =>
    checkTemplate(words, { draft, where, params, inputs: [...needs, ...wants] });
  for (const [i, word] of command.entries()) {
    if (typeof word === 'string') check(word, [...at, 'command', i]);
    else for (const [n, inner] of word.entries()) check(inner, [...at, 'command', i, n]);
  }
  for (const [key, value] of Object.entries(params.env)) check(value, [...at, 'env', key]);
  if (text.problems.length > before) return null;
  return { name, version: String(entry.version), params, rules: rulesOf(draft, around), wants };
}

function checkProgram({ text, path: at, entry }: StepDraft): void {
  const program = entry.command?.[0];
  const where = [...at, 'command', 0];
  if (typeof program !== 'string' || program === '') {
    text.problem(where, 'The first word is the program: a name on the PATH or an absolute path.');
    return;
  }
  if (program.includes('{')) text.problem(where, 'The program itself has no placeholders.');
  if (program.includes('/') && !path.isAbsolute(program))
    text.problem(
      where,
      `"${program}" is a relative path: write the absolute one, or only a name to be found on the PATH.`,
    );
}

function scalars({ text, path: at, entry }: StepDraft): CommandParams['with'] {
  const found: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(entry.with ?? {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') found[key] = value;
    else text.problem([...at, 'with', key], `"${key}" is to be a text, a number, true or false.`);
  }
  return found;
}

function outputsOf(draft: StepDraft): Record<string, OutputSpec> {
  const { text, path: at, entry } = draft;
  const outputs: Record<string, OutputSpec> = {};
  const files = new Map<string, string>();
  for (const [name, { file, type, required = true, maxSize, from = 'file' }] of Object.entries(entry.outputs ?? {})) {
    const where = [...at, 'outputs', name];
    const taken = files.get(file.toLowerCase());
    if (reserved.includes(name)) text.problemAtKey(where, `"${name}" is a name that every result has already.`);
    if (taken !== undefined)
      text.problem([...where, 'file'], `"${file}" is the file of the output "${taken}" already.`);
    if (!fileNamePattern.test(file) || /[{}]/.test(file.replaceAll('{name}', '')))
      text.problem(
        [...where, 'file'],
        `"${file}" is no file name: letters, digits, "._ -" and {name}, without folders.`,
      );
    files.set(file.toLowerCase(), name);
    const standard = /json/i.test(type) ? jsonBytesMax : outputBytesMax;
    const bytesMax = maxSize === undefined ? standard : (parseSize(maxSize) ?? standard);
    outputs[name] = { file, type, required, bytesMax, from };
  }
  const captured = Object.entries(outputs).filter(([, output]) => output.from === 'stdout');
  for (const [name] of captured.slice(1))
    text.problem([...at, 'outputs', name, 'from'], `"${captured[0]?.[0]}" is the standard output already.`);
  return outputs;
}

function checkTemplate(
  words: string,
  place: {
    readonly draft: StepDraft;
    readonly where: Path;
    readonly params: CommandParams;
    readonly inputs: readonly string[];
  },
): void {
  const { text } = place.draft;
  if (words.includes('\0')) text.problem(place.where, 'No program can be given a zero character.');
  const parts = parseTemplate(words);
  if ('error' in parts) {
    text.problem(place.where, parts.error);
    return;
  }
  for (const part of parts) {
    const problem = typeof part === 'string' ? null : placeholderProblem(part, place.params, place.inputs);
    if (problem !== null) text.problem(place.where, problem);
  }
}

function placeholderProblem(part: Placeholder, params: CommandParams, inputs: readonly string[]): string | null {
  switch (part.kind) {
    case 'param':
      return Object.hasOwn(params.with, part.name)
        ? null
        : `{param:${part.name}} is not in "with", which ${listed(Object.keys(params.with))}.`;
    case 'output':
    case 'file': {
      const output = Object.hasOwn(params.outputs, part.name) ? params.outputs[part.name] : undefined;
      if (!output)
        return `{${part.kind}:${part.name}} is not in "outputs", which ${listed(Object.keys(params.outputs))}.`;
      return output.from === 'stdout' ? `"${part.name}" is the standard output and has no file to write to.` : null;
    }
    case 'artifact':
      return inputs.includes(part.step)
        ? null
        : `{artifact:${part.step}/…}: the step does not wait for "${part.step}". Add it to "needs", or to "wants" when it can do without.`;
    default:
      return null;
  }
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'is empty' : `has ${names.join(', ')}`;
}

function rulesOf({ entry }: StepDraft, around: Surroundings): CommandRules {
  const { memory, fileSize, cpu } = entry.limits ?? {};
  const [memoryBytes, fileBytes] = [memory, fileSize].map((size) => (size === undefined ? null : parseSize(size)));
  const cpuMs = cpu === undefined ? null : parseDuration(cpu);
  const { retry = null, never = [], skip = [] } = entry.exitCodes ?? {};
  return {
    exitCodes: { retry, never, skip },
    limits: {
      ...(typeof memoryBytes === 'number' ? { memoryBytes } : {}),
      ...(typeof fileBytes === 'number' ? { fileBytes } : {}),
      ...(cpuMs === null ? {} : { cpuSeconds: cpuMs / 1_000 }),
    },
    environment: around.environment,
    prlimit: around.prlimit,
    isolation: around.isolation,
  };
}
