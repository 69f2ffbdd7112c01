/**
 * A process that appends to an upload of a folder that it shares with others. Started by `fork` with its task as the argument; says
 * 'sending' once bytes are on their way, and the code of the error that ended it.
 */
import { HoldfastError } from '../src/core/errors.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { bodyOf } from '../src/testing/body.ts';
import { AppendNode, type AppendNodeWish } from './append-node.ts';

export interface AppendTask {
  readonly node: AppendNodeWish;
  readonly uploadId: string;
  readonly offset: number;
  /** Bytes that it has to send, each of this value, in batches of 64 KiB with pauses. */
  readonly length: number;
  readonly value: number;
}

const task = JSON.parse(process.argv[2] ?? '') as AppendTask;
const node = await AppendNode.open(task.node);
const body = bodyOf(Buffer.alloc(task.length, task.value), {
  batchBytes: 64 * 1024,
  slow: { clock: systemClock, ms: 30 },
  beforeBatch: (sent) => {
    if (sent > 0) process.send?.('sending');
  },
});
// The clock's timers do not keep a process alive, and nothing else here does.
const alive = setInterval(() => {}, 1_000);
const code = await node.append(task.uploadId, task.offset, body).then(
  () => 'fine',
  (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
);
process.send?.({ code });
clearInterval(alive);
await node.close();
process.disconnect?.();
