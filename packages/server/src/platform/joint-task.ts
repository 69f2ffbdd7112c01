/** Work that several callers can share when it starts after all of them asked: syncs. */

/**
 * Runs `task` for its callers. A caller that arrives while it runs gets the next run, never the running one (that one may have started
 * before what the caller wants covered); all callers that arrive meanwhile share that next run.
 */
export class JointTask {
  readonly #task: () => Promise<void>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  /** Resolves after a run that began no earlier than this call; rejects when that run failed. */
  run(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    return this.#next;
  }

  #startNext(): Promise<void> {
    this.#next = null;
    return this.#start();
  }

  #start(): Promise<void> {
    const run = this.#task();
    const done = () => {
      if (this.#running === run) this.#running = null;
    };
    this.#running = run;
    run.then(done, done);
    return run;
  }
}
