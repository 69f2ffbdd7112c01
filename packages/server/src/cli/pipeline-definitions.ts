/** The pipelines of this machine: definition files read and checked against what Holdfast has. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import { findProgram } from '../pipeline/command/find-program.ts';
import { defaultPipeline } from '../pipeline/default-pipeline.ts';
import { type DefinitionFile, type Definitions, loadDefinitions } from '../pipeline/definitions/load-definitions.ts';
import type { Surroundings } from '../pipeline/definitions/surroundings.ts';
import { withEngines } from '../pipeline/engines/choice.ts';
import { networkFence } from '../pipeline/media/network-fence.ts';
import { systemClock } from '../platform/system-clock.ts';
import { engineChoice } from './engines.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How many steps of each class run at once, as far as definition files say nothing else. */
export function standardClasses(
  config: Pick<Config, 'mediaConcurrency' | 'recognitionConcurrency'>,
): Readonly<Record<string, number>> {
  return { light: 2, media: config.mediaConcurrency, rendition: 1, recognition: config.recognitionConcurrency };
}

/** What definitions are checked against on this machine. */
export async function surroundings(config: Config, environment: Environment): Promise<Surroundings> {
  const searchPath = environment['PATH'] ?? '';
  const prlimit = await findProgram('prlimit', searchPath);
  const isolation = await commandIsolation(searchPath);
  const base = withEngines(defaultPipeline, await engineChoice(config));
  return { builtInSteps: base.steps, base, classes: standardClasses(config), environment, prlimit, isolation };
}

/** What takes the network away from commands that do not ask for it; null where this machine cannot. */
async function commandIsolation(searchPath: string): Promise<readonly string[] | null> {
  const [unshare, program] = [await findProgram('unshare', searchPath), await findProgram('true', searchPath)];
  if (unshare === null || program === null) return null;
  return networkFence({ unshare, program, clock: systemClock, signal: new AbortController().signal });
}

/** The pipelines of the configuration. Throws `invalid-request` with all mistakes of the files. */
export async function configuredPipelines(config: Config, environment: Environment): Promise<Definitions> {
  const files = config.pipelines === undefined ? [] : await readDefinitionFiles(config.pipelines);
  return loadDefinitions(files, await surroundings(config, environment));
}

/** The file, or every .yaml and .yml file of the folder by name. Throws `invalid-request` when it cannot be read or has none. */
export async function readDefinitionFiles(path: string): Promise<DefinitionFile[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ name: path, text: await readFile(path, 'utf8') }];
    const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
    if (names.length === 0) throw new Error('the folder has no .yaml file');
    return await Promise.all(
      names.map(async (name) => ({ name: join(path, name), text: await readFile(join(path, name), 'utf8') })),
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError('invalid-request', `The pipeline definitions ${path} cannot be read: ${why}`, { cause });
  }
}
