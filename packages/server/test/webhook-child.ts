/**
 * A process that shares a database with others and delivers webhooks from it. Started by `fork` with its task as the argument; appends events
 * when it is told how many, and stops in order when it is told to.
 */

import { loadConfig } from '../src/config/load.ts';
import { webhooksOf } from '../src/config/webhooks.ts';
import { noCrashPoints } from '../src/core/ports/crash-points.ts';
import { silentLog } from '../src/core/ports/log.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { uuidv7 } from '../src/platform/uuidv7.ts';
import { openPostgresState, openSqliteState, type State } from '../src/state/sql/open.ts';
import { sampleEvent, sampleUpload, unique } from '../src/testing/sample-upload.ts';
import { Webhooks } from '../src/webhooks/webhooks.ts';

export interface WebhookTask {
  readonly database:
    | { readonly kind: 'sqlite'; readonly file: string }
    | { readonly kind: 'postgres'; readonly url: string };
  /** The process's name in leases and in User-Agent. */
  readonly name: string;
  readonly webhooks: readonly object[];
}

export type WebhookOrder = { readonly append: number } | 'stop';

function open({ database }: WebhookTask): Promise<State> {
  if (database.kind === 'sqlite')
    return openSqliteState({ file: database.file, clock: systemClock, sharedAs: unique('process') });
  return openPostgresState({ url: database.url, clock: systemClock, holder: unique('process'), connectionsMax: 6 });
}

const task = JSON.parse(process.argv[2] ?? '') as WebhookTask;
const state = await open(task);
const webhooks = new Webhooks({
  ...webhooksOf(loadConfig({ env: {}, flags: { webhooks: task.webhooks } })),
  store: state.webhooks,
  uploads: state.uploads,
  ledger: state.ledger,
  address: (path) => path,
  clock: systemClock,
  log: silentLog,
  observer: { attempted: () => {}, asked: () => {} },
  crash: noCrashPoints,
  random: Math.random,
  holder: task.name,
  version: task.name,
  newId: uuidv7,
  retentionMs: 60_000,
  pollMs: 500,
  stopMs: 5_000,
});
await webhooks.start();

async function obey(order: WebhookOrder): Promise<void> {
  if (order === 'stop') {
    await webhooks.stop();
    await state.close();
    process.disconnect?.();
    return;
  }
  for (let i = 0; i < order.append; i += 1)
    await state.uploads.create(sampleUpload(), [sampleEvent('created')], [], Number.POSITIVE_INFINITY);
  process.send?.('appended');
}

process.on('message', (order: WebhookOrder) => void obey(order));
process.send?.('ready');
