/** What definitions are checked against. */
import type { Pipeline, StepDefinition } from '../definition.ts';

export interface Surroundings {
  /** Steps that `uses` can name. */
  readonly builtInSteps: readonly StepDefinition[];
  /** The pipeline that is there without any file, and that `extends` can name. */
  readonly base: Pipeline;
  /** Classes with their limits; files can add and change some. */
  readonly classes: Readonly<Record<string, number>>;
  /** The server's environment, of which commands see what they list. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of `prlimit`, which holds the limits of commands; null when the machine has none. */
  readonly prlimit: string | null;
  /** Command and options that start a program without a network; null where the kernel does not allow it. */
  readonly isolation: readonly string[] | null;
}
