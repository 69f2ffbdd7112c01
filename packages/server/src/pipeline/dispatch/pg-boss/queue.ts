/**
 * Messages "this step is due" as jobs of pg-boss, a queue for each class, in a schema of their own beside the ledger's tables. A job says which
 * step; everything else about the step is in the ledger. Nodes that only take uploads open this to announce steps, workers to work as well.
 */
import { randomUUID } from 'node:crypto';
import type { ConstructorOptions, Db, Job, JobInsert, PgBoss } from 'pg-boss';
import { HoldfastError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { DueStep, DueSteps, RunStatement } from '../../../core/ports/due-steps.ts';
import type { StepLog } from '../../context.ts';
import type { ClassBacklog } from '../dispatcher.ts';
import { heartbeatSeconds, pollSeconds, queueName, queueSettings, schema, supervision } from './settings.ts';

/** What a job says. */
export interface Message {
  readonly key: string;
  readonly priority: number;
}

export interface PgBossQueueOptions {
  /** The database of the ledger: only so can a message be committed with the state change that it tells of. */
  readonly url: string;
  /** The classes that this node knows; the queue of another is made when the first step of it is due. */
  readonly classes: readonly string[];
  /** Whether this node works on steps, and so looks after the queues; otherwise it only announces. */
  readonly works: boolean;
  readonly clock: Clock;
  readonly log: StepLog;
}

/** Connections of a node for fetching, finishing and looking after jobs; one more listens. */
const connectionsMax = 4;
/** The same complaint is not repeated more often. */
const complainMs = 10_000;

export class PgBossQueue implements DueSteps {
  readonly #boss: PgBoss;
  readonly #options: PgBossQueueOptions;
  /** Classes whose queue is there. */
  readonly #classes = new Set<string>();
  #complainedAt = Number.NEGATIVE_INFINITY;

  private constructor(boss: PgBoss, options: PgBossQueueOptions) {
    this.#boss = boss;
    this.#options = options;
    boss.on('error', (error) => this.#complain(error));
    boss.on('warning', ({ message, data }) => options.log.warn({ data }, `pg-boss: ${message}`));
  }

  /** Connects, brings pg-boss's own tables up to date under its own lock, and makes the queues. Rejects with `unavailable`. */
  static async open(options: PgBossQueueOptions): Promise<PgBossQueue> {
    // Loaded only by those who use it: it takes as long as a start without it.
    const { PgBoss } = await import('pg-boss');
    const settings: ConstructorOptions = {
      ...supervision,
      connectionString: options.url,
      application_name: 'holdfast dispatch',
      max: connectionsMax,
      schema,
      schedule: false,
      supervise: options.works,
      useListenNotify: options.works,
    };
    const queue = new PgBossQueue(new PgBoss(settings), options);
    try {
      await queue.#boss.start();
      for (const name of new Set(options.classes)) await queue.#makeQueue(name);
      return queue;
    } catch (cause) {
      await queue.close();
      throw new HoldfastError('unavailable', 'The job queue in the database cannot be used.', { cause });
    }
  }

  /** Writes the messages in the transaction of the state change. A step whose message waits already is moved to its new time. */
  async announce(steps: readonly DueStep[], run: RunStatement): Promise<void> {
    const db: Db = { executeSql: async (text, values = []) => ({ rows: [...(await run(text, values))] }) };
    try {
      for (const [name, of] of Map.groupBy(steps, (step) => step.class)) {
        const waiting = await this.#insert(name, of, db);
        for (const step of waiting) await this.#move(name, step, db);
      }
    } catch (error) {
      this.#options.log.warn(
        { err: error, steps: steps.length },
        'a message was not written; the sweep will make up for it',
      );
      throw error;
    }
  }

  /** Writes messages for those of the steps that have none waiting. */
  async enqueue(steps: readonly DueStep[]): Promise<void> {
    for (const [name, of] of Map.groupBy(steps, (step) => step.class)) {
      await this.#insert(name, of);
    }
  }

  /**
   * Begins to hand out the jobs of a class, one at a time and the next as soon as `handle` resolved. When it rejects, the job comes again,
   * here or elsewhere, in its place in the order. The signal fires when the job was given to somebody else.
   */
  async work(className: string, handle: (message: Message, signal: AbortSignal) => Promise<void>): Promise<void> {
    let id: string | null = null;
    // Otherwise it would sleep until the next poll after each job, however short that was.
    const lookAgain = () => {
      if (id !== null) this.#boss.notifyWorker(id);
    };
    const options = { pollingIntervalSeconds: pollSeconds, notifyPollingIntervalSeconds: pollSeconds };
    id = await this.#boss.work<Message>(queueName(className), options, async (jobs: Job<Message>[]) => {
      for (const job of jobs) await handle(job.data, job.signal);
      lookAgain();
    });
  }

  /** Hands out nothing more of the class and waits for what was handed out. */
  stopWork(className: string): Promise<void> {
    return this.#boss.offWork(queueName(className), { wait: true });
  }

  /** As pg-boss last counted them, at most a quarter of a minute ago. */
  async stats(): Promise<Readonly<Record<string, ClassBacklog>>> {
    const names = new Map([...this.#classes].map((name) => [queueName(name), name]));
    const queues = await this.#boss.getQueues([...names.keys()]);
    return Object.fromEntries(
      queues.map((queue) => [
        names.get(queue.name) ?? queue.name,
        { queued: queue.queuedCount, active: queue.activeCount },
      ]),
    );
  }

  /** Lets go of the database. Announcing goes on to work: that uses the ledger's connections. Idempotent. */
  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false });
  }

  async #makeQueue(className: string): Promise<void> {
    const name = queueName(className);
    await this.#boss.createQueue(name, { ...queueSettings, policy: 'short', heartbeatSeconds });
    // One that an older version made keeps its settings otherwise.
    await this.#boss.updateQueue(name, { ...queueSettings, heartbeatSeconds });
    // Nothing, but pg-boss then remembers the queue: announcing needs no connection but that of the transaction.
    await this.#boss.insert(name, []);
    this.#classes.add(className);
  }

  /** Resolves to the steps whose message waited already. */
  async #insert(className: string, steps: readonly DueStep[], db?: Db): Promise<readonly DueStep[]> {
    if (!this.#classes.has(className)) await this.#makeQueue(className);
    const jobs = steps.map((step) => ({ step, job: this.#jobOf(step) }));
    const inserted = await this.#boss.insert(
      queueName(className),
      jobs.map(({ job }) => job),
      { returnId: true, ...(db === undefined ? {} : { db }) },
    );
    const ids = new Set(inserted);
    return jobs.flatMap(({ step, job }) => (ids.has(job.id) ? [] : [step]));
  }

  #jobOf({ key, priority, notBefore }: DueStep): JobInsert<Message> & { readonly id: string } {
    const waitSeconds = (notBefore - this.#options.clock.now()) / 1000;
    const job = { id: randomUUID(), data: { key, priority }, singletonKey: key, priority };
    // By how long, not until when: the clocks of this node and of the database need not agree.
    return waitSeconds > 0 ? { ...job, startAfter: waitSeconds } : job;
  }

  async #move(className: string, { key, priority, notBefore }: DueStep, db: Db): Promise<void> {
    const waitSeconds = Math.max(0.001, (notBefore - this.#options.clock.now()) / 1000);
    const target = { singletonKey: key, match: 'all', db } as const;
    await this.#boss.update(queueName(className), undefined, { ...target, priority, startAfter: waitSeconds });
  }

  /** While the database is away, each of many workers says so again and again. */
  #complain(error: unknown): void {
    const now = this.#options.clock.now();
    if (now - this.#complainedAt < complainMs) return;
    this.#complainedAt = now;
    this.#options.log.warn({ err: error }, 'the job queue does not answer; looking again shortly');
  }
}
