/** `holdfast serve` with several processes: what the supervisor does around them. */
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { markClean } from '../../blobs/disk/boot-record.ts';
import type { Config } from '../../config/schema.ts';
import { readBootId } from '../../platform/boot-id.ts';
import { makeFolder } from '../../platform/make-folder.ts';
import { lockForWorkers } from '../../state/sql/instance-lock.ts';
import { listenError } from '../listening.ts';
import { isShared } from '../open-state.ts';
import { type Serving, Supervisor } from './supervisor.ts';

export interface ProcessServer {
  readonly serving: Serving;
  close(): Promise<void>;
  /** Ends every process at once. */
  kill(): void;
}

/** Resolves when all processes listen. `config.port` 0 takes a free port, the same for all and as long as the server runs. */
export async function serveProcesses(config: Config, log: Logger, count: number): Promise<ProcessServer> {
  const dataDir = resolve(config.dataDir);
  await makeFolder(dataDir);
  // Among nodes each process has a place, with a lock and a boot record, of its own.
  const lock = isShared(config) ? null : lockForWorkers(dataDir);
  try {
    const port = config.port === 0 ? await freePort(config) : config.port;
    const supervisor = new Supervisor({ ...config, port }, log, count);
    const serving = await supervisor.start();
    const close = async () => {
      if ((await supervisor.stop()) && lock !== null) await markClean(dataDir, await readBootId());
      lock?.release();
    };
    return { serving, close, kill: () => supervisor.kill() };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

/** Node's cluster would take another free port when all processes have ended meanwhile. */
async function freePort(config: Config): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, failed) => {
    server.once('error', (error) => failed(listenError(error, config)));
    server.listen({ host: config.host, port: 0 }, done);
  });
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
