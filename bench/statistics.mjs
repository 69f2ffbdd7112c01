/** Medians over the rounds, and medians of ratios within each round. */

const MB = 1e6;

function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Looks figures up by row and server. */
export class Figures {
  #results;

  constructor(results) {
    this.#results = results;
  }

  has(scenario, subject) {
    return this.#of(scenario, subject).length > 0;
  }

  median(scenario, subject, figure) {
    return median(this.#of(scenario, subject).map(figure));
  }

  max(scenario, subject, figure) {
    const values = this.#of(scenario, subject).map(figure);
    return values.length === 0 ? Number.NaN : Math.max(...values);
  }

  /** Median of `figure(subject) / figure(other)` within each round. */
  ratio(scenario, [subject, other], figure) {
    return median(this.#paired(scenario, subject, other).map(([one, two]) => figure(one) / figure(two)));
  }

  difference(scenario, [subject, other], figure) {
    return median(this.#paired(scenario, subject, other).map(([one, two]) => figure(one) - figure(two)));
  }

  #of(scenario, subject) {
    return this.#results.filter((r) => r.scenario === scenario && r.subject === subject);
  }

  #paired(scenario, subject, other) {
    return this.#of(scenario, subject).flatMap((one) => {
      const two = this.#of(scenario, other).find((r) => r.round === one.round);
      return two ? [[one, two]] : [];
    });
  }
}

/** Figures that rows have in common. */
export const figure = {
  speed: (r) => r.bytesPerSecond / MB,
  perSecond: (r) => r.perSecond,
  cpuApart: (r) => r.cpu?.apart ?? Number.NaN,
  cpuKernel: (r) => r.cpu?.kernel ?? Number.NaN,
  cpuHash: (r) => r.cpu?.hash ?? Number.NaN,
  completion: (r) => r.completionMs,
  hashingLeft: (r) => r.hashingLeftMs,
  peak: (r) => r.peakBytes / MB,
};
