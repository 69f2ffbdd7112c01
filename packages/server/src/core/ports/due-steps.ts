/** How a ledger tells those who deliver steps that some have become due. */
import type { Millis } from '../upload.ts';

/** A pending step, as far as delivering it needs it. */
export interface DueStep {
  readonly key: string;
  readonly class: string;
  /** Higher is delivered first. */
  readonly priority: number;
  /** It cannot be claimed earlier. */
  readonly notBefore: Millis;
}

/** Runs one statement inside the transaction that makes the steps due. */
export type RunStatement = (
  sql: string,
  values: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export interface DueSteps {
  /**
   * Called once at the end of a transaction that makes steps due, before it commits. Whatever it writes goes through `run` and is committed
   * with the state change, or not at all. A message that is lost delays a step and nothing else: when this rejects, what it wrote is taken
   * back, and the state change is committed all the same.
   */
  announce(steps: readonly DueStep[], run: RunStatement): Promise<void>;
}
