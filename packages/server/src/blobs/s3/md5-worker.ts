/** Worker thread: MD5 of chunks where they lie, in memory that is shared. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { invariant } from '../../core/errors.ts';
import type { Md5Reply, Md5Request } from './md5-threads.ts';

const port = parentPort;
invariant(port !== null, 'runs as a worker thread');
port.on('message', ({ job, buffers }: Md5Request) => {
  const md5 = createHash('md5');
  for (const buffer of buffers) md5.update(buffer);
  const reply: Md5Reply = { job, md5: md5.digest('hex') };
  port.postMessage(reply);
});
