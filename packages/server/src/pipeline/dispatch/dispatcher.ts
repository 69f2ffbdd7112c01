/**
 * Who tells a node which steps are due. The ledger is the truth and its claims decide, so a dispatcher may tell of a step twice, late, or when
 * it is not due any more; what it must not do is to forget one for good.
 */
import type { StepWorker } from './step-worker.ts';

/** How many messages of a class wait to be delivered, and how many are being worked on, on all nodes. */
export interface ClassBacklog {
  readonly queued: number;
  readonly active: number;
}

export interface Dispatcher {
  /**
   * Begins to deliver due steps of the worker's classes to it, those of a higher priority first, and never more of a class at once than it has places.
   * Resolves once it does.
   */
  start(worker: StepWorker): Promise<void>;
  /** Something may have become due: looks at once. Cheap; never rejects. */
  notify(): void;
  /** Makes up for messages that were lost: what is due and has none gets one. Called at the start, and now and then. */
  sweep(): Promise<void>;
  /** By class. */
  stats(): Promise<Readonly<Record<string, ClassBacklog>>>;
  /** Delivers nothing more, and waits until what it delivered has been taken or refused. Idempotent. */
  stop(): Promise<void>;
  /** A few words for people. */
  describe(): string;
}
