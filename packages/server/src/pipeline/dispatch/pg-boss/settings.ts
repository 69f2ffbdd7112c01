/** How pg-boss is used. Where it has an opinion on retries, ours is in the ledger. */

/** pg-boss keeps its tables here. */
export const schema = 'holdfast_pgboss';

/** A worker looks at least this often: retries and jobs that come back do not notify. */
export const pollSeconds = 2;

/** The least that pg-boss takes. A job whose worker is silent for longer is delivered again. */
export const heartbeatSeconds = 10;

const daySeconds = 86_400;

/** How often the queues are looked after; nodes take turns. */
export const supervision = {
  superviseIntervalSeconds: 5,
  // Looks for silent workers and counts jobs.
  monitorIntervalSeconds: 10,
  // Deletes finished jobs.
  maintenanceIntervalSeconds: 60,
  // As many steps as there are files may wait.
  warningQueueSize: 1_000_000,
};

export const queueSettings = {
  // A job ends with its step, however long that takes; this is the most that pg-boss takes. The job comes again then, and finds the step running.
  expireInSeconds: daySeconds,
  // A job is delivered until somebody took it or said that there is nothing to do: attempts are counted in the ledger.
  retryLimit: 2 ** 31 - 1,
  retryDelay: 1,
  // Finished jobs say nothing that the ledger does not.
  deleteAfterSeconds: 60,
  // One that waits for longer is deleted; the sweep writes another.
  retentionSeconds: 14 * daySeconds,
  notify: true,
};

export function queueName(className: string): string {
  return `steps/${className}`;
}
