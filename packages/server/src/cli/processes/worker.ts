/** One of several processes of a server: gets its settings and its place from the supervisor, and ends with it. */
import type { Config } from '../../config/schema.ts';
import { HoldfastError } from '../../core/errors.ts';
import { openNode, type ServerNode } from '../compose.ts';
import { crashPointsFromEnvironment } from '../crash-points.ts';
import { listenError } from '../listening.ts';
import { serverLog } from '../server-log.ts';
import { stopSignals } from '../stop-signals.ts';
import { type Channel, Link } from './link.ts';
import { type WorkerFacts, workerSeat } from './seat.ts';

export interface WorkerTask extends WorkerFacts {
  readonly config: Config;
}

/** Never resolves: the supervisor ends the process. */
export async function runWorker(): Promise<never> {
  // They reach every process of the group or the service; it is the supervisor who decides what they mean.
  for (const signal of stopSignals) process.on(signal, () => {});
  const link = new Link(process as unknown as Channel);
  let node: ServerNode | null = null;
  let stopping = false;
  const stop = async (code: number) => {
    if (stopping) return;
    stopping = true;
    await node?.close();
    process.exit(code);
  };
  // Without a supervisor nobody would start what dies; the next server waits until this process is gone.
  process.once('disconnect', () => process.exit(1));
  link.answer('start', async (task: WorkerTask) => {
    const { config } = task;
    const log = serverLog(config, { worker: task.index });
    try {
      node = await openNode({
        config,
        log,
        crash: crashPointsFromEnvironment(process.env),
        seat: workerSeat(task, link),
        onLost: (error) => {
          log.error({ err: error }, 'this node has to end: another one has its name');
          void stop(1);
        },
      });
      const address = await node.http.app.listen({ host: config.host, port: config.port });
      log.info({ pid: process.pid }, 'this process takes requests');
      return { address, version: node.version };
    } catch (error) {
      await node?.close();
      const known = listenError(error, config);
      if (!(known instanceof HoldfastError)) log.error({ err: known }, 'this process could not start');
      throw known;
    }
  });
  link.answer('stop', () => void stop(0));
  link.tell('here');
  return await new Promise<never>(() => {});
}
