/** From a command's template and a step's context to what is started: arguments, environment, names of outputs. */
import path from 'node:path';
import { artifactStem, PermanentStepError, type StepContext } from '../context.ts';
import type { CommandParams, CommandSpec } from './command-spec.ts';
import { fillTemplate, type Placeholder } from './template.ts';

/** Variables that a command sees without being told so. Keys, tokens and proxies of the server are none of its business. */
const passedOn = ['PATH', 'HOME', 'LANG', 'TZ'];
/** Marks processes of a step, so that those which outlived a killed server are found. */
export const scratchVariable = 'HOLDFAST_SCRATCH';

export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File names of the outputs, by output. */
  readonly files: Readonly<Record<string, string>>;
}

type Given = Pick<StepContext, 'asset' | 'assetName' | 'assetPath' | 'inputs' | 'scratch'>;

/** Rejects with `PermanentStepError` when a step that it needs left no such file. */
export async function commandLine(spec: CommandSpec, given: Given): Promise<CommandLine> {
  // Filled in twice: what the first pass asks for is fetched before the second.
  const paths = new Map<string, string>();
  const wanted: { readonly step: string; readonly name: string }[] = [];
  filledIn(spec, given, (step, name) => {
    wanted.push({ step, name });
    return '';
  });
  for (const { step, name } of wanted) {
    const file = await given.inputs[step]?.artifactPath(name);
    if (file !== undefined) paths.set(`${step}/${name}`, file);
  }
  return filledIn(spec, given, (step, name) => paths.get(`${step}/${name}`) ?? '');
}

/** Where an artifact of an input is. */
type PathOf = (step: string, name: string) => string;

function filledIn(spec: CommandSpec, given: Given, pathOf: PathOf): CommandLine {
  const { params, rules } = spec;
  const files = outputFiles(params, given.assetName);
  const lookUp = (placeholder: Placeholder) => meaningOf(placeholder, { spec, given, files, pathOf });
  const [program = '', ...args] = params.command.flatMap((word) => {
    const group = (typeof word === 'string' ? [word] : word).map((text) => fillTemplate(text, lookUp));
    return group.every((argument) => argument !== null) ? group : [];
  });
  const own = Object.entries(params.env).flatMap(([name, text]) => {
    const value = fillTemplate(text, lookUp);
    return value === null ? [] : [[name, value] as const];
  });
  const inherited = [...passedOn, ...params.inherit].flatMap((name) => {
    const value = rules.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = {
    LC_ALL: 'C.UTF-8',
    TMPDIR: given.scratch,
    ...Object.fromEntries([...inherited, ...own]),
    [scratchVariable]: given.scratch,
  };
  return { program, args, env, files };
}

export function outputFiles(params: Pick<CommandParams, 'outputs'>, assetName: string): Record<string, string> {
  const name = artifactStem(assetName);
  return Object.fromEntries(
    Object.entries(params.outputs).map(([output, { file }]) => [output, file.replaceAll('{name}', name)]),
  );
}

function meaningOf(
  placeholder: Placeholder,
  from: {
    readonly spec: CommandSpec;
    readonly given: Given;
    readonly files: Readonly<Record<string, string>>;
    readonly pathOf: PathOf;
  },
): string | null {
  const { spec, given, files, pathOf } = from;
  switch (placeholder.kind) {
    case 'input':
      return given.assetPath;
    case 'name':
      return artifactStem(given.assetName);
    case 'id':
      return given.asset.id;
    case 'scratch':
      return given.scratch;
    case 'param':
      return String(spec.params.with[placeholder.name]);
    case 'output':
      return path.join(given.scratch, files[placeholder.name] ?? '');
    case 'file':
      return files[placeholder.name] ?? '';
    case 'artifact':
      return artifactPath(placeholder, { given, wants: spec.wants, pathOf });
  }
}

/** By the name of the output if the step says so (`analytic`), else by the name of the file. Null when a step that is only wanted left no such file. */
function artifactPath(
  { step, name }: { readonly step: string; readonly name: string },
  { given, wants, pathOf }: { readonly given: Given; readonly wants: readonly string[]; readonly pathOf: PathOf },
): string | null {
  const input = given.inputs[step];
  if (!input) return null;
  const names = input.artifacts.map((artifact) => artifact.name);
  const said = input.output[name];
  const found = [said, name].find((one): one is string => typeof one === 'string' && names.includes(one));
  if (found !== undefined) return pathOf(step, found);
  if (wants.includes(step)) return null;
  const left = names.length === 0 ? 'no files' : names.slice(0, 10).join(', ');
  throw new PermanentStepError(`${step} left nothing called ${name}; it left ${left}.`);
}
