/** Threads that the machine does not grant (`ulimit -u`, the limit of a container or of a systemd unit): Node.js throws where one is made. */
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

/** Until the returned function is called. */
export function refuseThreads(): () => void {
  const { Worker } = threads;
  const put = (made: typeof Worker) => {
    threads.Worker = made;
    syncBuiltinESMExports();
  };
  const refusing = () => {
    throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
  };
  put(new Proxy(Worker, { construct: refusing }));
  return () => put(Worker);
}
