/** A step of a file that has the right shape, on its way to a definition. */
import type { StepDefinition } from '../definition.ts';
import type { DefinitionText, Path } from './definition-text.ts';
import type { StepEntry } from './file-schema.ts';

export interface StepDraft {
  readonly text: DefinitionText;
  readonly path: Path;
  readonly entry: StepEntry;
  readonly name: string;
  /** The step of the same name that the extended pipeline has. */
  readonly base: StepDefinition | null;
}
