/**
 * The metrics of several processes as those of one. Counters go on when a process dies: what it had counted when it was last asked is kept,
 * because a sum that falls looks to Prometheus as if everything had started anew.
 */
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';

type Family = MetricObjectWithValues<MetricValue<string>>;
type Families = readonly Family[];

/** How long a process may take to answer before its last answer is used. */
const answerMs = 5_000;

/** What is asked of one process; `index` is its slot. */
export interface Scraped {
  readonly index: number;
  metrics(): Promise<Families>;
}

export class Scraping {
  readonly #last = new Map<number, Families>();
  #retired: Families = [];

  /** The text of `/metrics`. */
  async text(processes: readonly Scraped[], after: (ms: number, call: () => void) => () => void): Promise<string> {
    await Promise.all(
      processes.map(async ({ index, metrics }) => {
        const answer = await within(metrics(), answerMs, after);
        if (answer !== null) this.#last.set(index, answer);
      }),
    );
    const order = [...this.#last.keys()].sort((a, b) => a - b);
    return await merged([...order.map((index) => this.#last.get(index) ?? []), this.#retired]).metrics();
  }

  /** The process of that slot is gone. */
  async ended(index: number): Promise<void> {
    const last = this.#last.get(index);
    if (last === undefined) return;
    this.#last.delete(index);
    const counted = last.filter((family) => isCounted(family));
    this.#retired = (await merged([this.#retired, counted]).getMetricsAsJSON()) as Families;
  }
}

/** Counters and histograms only ever rise; the rest says how something is now. */
function isCounted({ type }: Family): boolean {
  return String(type) === 'counter' || String(type) === 'histogram';
}

function merged(all: readonly Families[]) {
  return AggregatorRegistry.aggregate(all.filter((families) => families.length > 0) as object[]);
}

async function within<T>(
  answer: Promise<T>,
  ms: number,
  after: (ms: number, call: () => void) => () => void,
): Promise<T | null> {
  let cancel = () => {};
  const late = new Promise<null>((resolve) => {
    cancel = after(ms, () => resolve(null));
  });
  try {
    return await Promise.race([answer.catch(() => null), late]);
  } finally {
    cancel();
  }
}
