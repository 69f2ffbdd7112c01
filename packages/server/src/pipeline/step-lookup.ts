/** Which definition does a step that the ledger remembers. */
import type { Step } from '../core/ledger.ts';
import { canonicalJson } from './canonical-json.ts';
import type { StepDefinition } from './definition.ts';

type Remembered = Pick<Step, 'name' | 'version' | 'params'>;

/** Whether the parameters of a step name a program: those of command steps, and of Holdfast's own that use one (`transcribe`). */
export function isCommand(params: Step['params']): boolean {
  const { command } = params;
  return Array.isArray(command) && command.length > 0;
}

/**
 * The definition, or why there is none, for people. Whoever can write to the ledger must not be able to choose what programs the server
 * runs, so a command has to be in the configuration as it is in the ledger.
 */
export function findDefinition(definitions: readonly StepDefinition[], step: Remembered): StepDefinition | string {
  const { name, version, params } = step;
  const candidates = definitions.filter((one) => one.name === name && one.version === version);
  if (!isCommand(params)) {
    const found = candidates.find((one) => one.kind === 'code');
    return found ?? `This server has no step ${name} of version ${version}; another version of Holdfast planned it.`;
  }
  const wanted = canonicalJson(params);
  const found = candidates.find((one) => canonicalJson(one.params) === wanted);
  return (
    found ??
    `The command of ${name} is no longer what the server's pipelines say: "holdfast pipelines apply" plans what they say now.`
  );
}
