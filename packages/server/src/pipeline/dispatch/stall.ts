/** Finds out that a step stands still although its node is alive. */
import type { Clock } from '../../core/ports/clock.ts';
import type { Work } from '../work.ts';

/**
 * For steps whose definition says nothing else; these are watched only while a program of theirs runs: work inside of this process (or at a
 * server somewhere) shows nothing of itself but the progress that it reports, and has its time limit.
 */
const stallMsDefault = 15 * 60_000;

/** Looks four times in the time that the work may stand still, and calls `onStall` once. Returns the function that stops looking. */
export function watchForStall(
  work: Work,
  options: { readonly clock: Clock; readonly stallMs: number | undefined; onStall(stallMs: number): void },
): () => void {
  const { clock, stallMs = stallMsDefault, onStall } = options;
  const always = options.stallMs !== undefined;
  let cancel = () => {};
  let over = false;
  const look = async () => {
    const stillMs = await work.standsStillMs();
    if (over) return;
    if (stillMs >= stallMs && (always || work.runsPrograms)) onStall(stallMs);
    else lookLater();
  };
  const lookLater = () => {
    cancel = clock.after(Math.max(1, Math.floor(stallMs / 4)), () => void look());
  };
  lookLater();
  return () => {
    over = true;
    cancel();
  };
}
