/** A command as a step of a pipeline. */
import { Type } from 'typebox';
import type { StepDefinition } from '../definition.ts';
import { runCommand } from './command-run.ts';
import type { CommandSpec } from './command-spec.ts';

const paramsSchema = Type.Object({ command: Type.Array(Type.Unknown(), { minItems: 1 }) });

type Scheduling = Pick<
  StepDefinition,
  'class' | 'priority' | 'attemptsMax' | 'timeoutMs' | 'stallMs' | 'backoff' | 'needs' | 'wants'
>;

/** It is for every asset that its pipeline is for. */
export function commandStep(spec: CommandSpec, scheduling: Scheduling): StepDefinition {
  return {
    ...scheduling,
    kind: 'command',
    name: spec.name,
    version: spec.version,
    params: { ...spec.params },
    paramsSchema,
    appliesTo: () => true,
    run: (context) => runCommand(spec, context),
  };
}
