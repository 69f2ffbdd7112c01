/**
 * A process that sends receipts to a shared database, for the test with several of them. Started by `fork` with its task as the
 * argument; waits for any message, works, and answers how many receipts completed an upload.
 */
import { systemClock } from '../platform/system-clock.ts';
import { openPostgresState, openSqliteState, type State } from '../state/sql/open.ts';
import { receipt, sampleExtent } from './sample-upload.ts';
import { openRedisPlace, type RedisPlace } from './test-redis-state.ts';

export interface ReceiptTask {
  readonly database:
    | { readonly kind: 'sqlite'; readonly file: string }
    | { readonly kind: 'postgres'; readonly url: string }
    | { readonly kind: 'redis'; readonly place: RedisPlace };
  readonly name: string;
  /** In the order in which all processes work on them. */
  readonly uploads: readonly { readonly id: string; readonly offsets: readonly number[] }[];
  /** Receipts under way at a time. */
  readonly concurrency: number;
}

export interface ReceiptAnswer {
  readonly completions: number;
}

function open(task: ReceiptTask): Promise<State> {
  const { database, name } = task;
  if (database.kind === 'sqlite') return openSqliteState({ file: database.file, clock: systemClock, sharedAs: name });
  if (database.kind === 'redis') return openRedisPlace(database.place, name);
  return openPostgresState({ url: database.url, clock: systemClock, holder: name, connectionsMax: 4 });
}

async function work(task: ReceiptTask, state: State): Promise<ReceiptAnswer> {
  const receipts = task.uploads.flatMap(({ id, offsets }) => offsets.map((offset) => ({ id, offset }))).values();
  let completions = 0;
  const sender = async (): Promise<void> => {
    for (const { id, offset } of receipts) {
      const decision = await state.uploads.decide(id, offset, receipt(sampleExtent(offset)));
      if (decision?.kind !== 'accept') throw new Error(`Upload ${id} at ${offset}: ${JSON.stringify(decision)}`);
      if (decision.events.some((event) => event.type === 'validating')) completions += 1;
    }
  };
  await Promise.all(Array.from({ length: task.concurrency }, sender));
  return { completions };
}

const task = JSON.parse(process.argv[2] ?? '') as ReceiptTask;
const state = await open(task);
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
process.send?.(await work(task, state));
await state.close();
process.disconnect?.();
