/**
 * What the death of a node means for a step that ran there. It may have nothing to do with it, so it takes none of the step's attempts; but a
 * file that kills whoever touches it must not do so for ever.
 */
import type { Step } from './ledger.ts';

/** A step that was there at so many deaths is set aside, whoever else was there; unless it may be tried more often than that by itself. */
export const nodeDeathsMax = 10;

export interface NodeDeaths {
  /** Deaths at which the step ran, since it was last put back by hand. */
  readonly deaths: number;
  /** Those at which nothing else ran there. */
  readonly alone: number;
}

/** Pure. `setAside` is why the step is not tried again; null when it is. */
export function afterNodeDeath(
  step: Pick<Step, 'attemptsMax'>,
  before: NodeDeaths,
  wasAlone: boolean,
): NodeDeaths & { readonly setAside: string | null } {
  const deaths = before.deaths + 1;
  const alone = before.alone + (wasAlone ? 1 : 0);
  if (alone >= step.attemptsMax) return { deaths, alone, setAside: `${times(alone)} with nothing else running there` };
  return {
    deaths,
    alone,
    setAside: deaths >= Math.max(nodeDeathsMax, step.attemptsMax) ? `${times(deaths)} in all` : null,
  };
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
