/** Puts steps in an order in which each comes after what it waits for. Pure. */

interface Node {
  readonly name: string;
  readonly needs: readonly string[];
  readonly wants: readonly string[];
}

export type Ordered<N> =
  | { readonly ok: true; readonly steps: readonly N[] }
  /** The names along one cycle, the first one once more at the end. */
  | { readonly ok: false; readonly cycle: readonly string[] };

/** The given order is kept where it can be. Names that are not there are passed over. */
export function inOrder<N extends Node>(steps: readonly N[]): Ordered<N> {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const done = new Map<string, N>();
  const visit = (step: N, trail: readonly string[]): readonly string[] | null => {
    if (done.has(step.name)) return null;
    const at = trail.indexOf(step.name);
    if (at >= 0) return [...trail.slice(at), step.name];
    for (const name of [...step.needs, ...step.wants]) {
      const input = byName.get(name);
      const cycle = input ? visit(input, [...trail, step.name]) : null;
      if (cycle) return cycle;
    }
    done.set(step.name, step);
    return null;
  };
  for (const step of steps) {
    const cycle = visit(step, []);
    if (cycle) return { ok: false, cycle };
  }
  return { ok: true, steps: [...done.values()] };
}
