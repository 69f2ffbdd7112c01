/** Webhooks of one node, put together: delivery of events, and the hook that is asked before an upload is created. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import { creationHookOf, webhooksOf } from '../config/webhooks.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import { type CreationGate, openGate } from '../core/ports/creation-gate.ts';
import { underBase } from '../http/base-path.ts';
import { addWebhookGauge, webhookMetrics } from '../http/webhook-metrics.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import type { State } from '../state/sql/open.ts';
import { HookedCreation } from '../webhooks/creation-hook.ts';
import { Webhooks } from '../webhooks/webhooks.ts';
import { packageVersion } from './version.ts';

const pollMs = 2_000;
const stopMs = 5_000;
const dayMs = 24 * 3_600_000;

export interface WebhookNode {
  readonly webhooks: Webhooks;
  readonly creationGate: CreationGate;
}

/** Read before anything is opened, so that settings that cannot be leave no trace. Throws `invalid-request`. */
export function readWebhookSettings(config: Config) {
  return { delivery: webhooksOf(config), hook: creationHookOf(config) };
}

export interface WebhookNodeOptions {
  readonly config: Config;
  readonly settings: ReturnType<typeof readWebhookSettings>;
  readonly log: Logger;
  readonly crash: CrashPoints;
  readonly holder: string;
  readonly state: State;
  readonly registry: Registry;
}

/** Nothing is sent before `webhooks.start()`. */
export function openWebhooks(options: WebhookNodeOptions): WebhookNode {
  const { config, log, crash, holder, state, registry } = options;
  const { delivery, hook } = options.settings;
  const observer = webhookMetrics(registry);
  const version = packageVersion();
  const webhooks = new Webhooks({
    ...delivery,
    store: state.webhooks,
    uploads: state.uploads,
    ledger: state.ledger,
    address: (path) => underBase(path, config.basePath),
    clock: systemClock,
    log,
    observer,
    crash,
    random: Math.random,
    holder,
    version,
    newId: uuidv7,
    retentionMs: Math.ceil(config.retentionDays * dayMs),
    pollMs,
    stopMs,
  });
  addWebhookGauge(registry, async () => {
    const pending = await state.webhooks.countPending();
    const byHost = new Map<string, number>();
    for (const { id, host } of delivery.endpoints) byHost.set(host, (byHost.get(host) ?? 0) + (pending.get(id) ?? 0));
    return byHost;
  });
  const creationGate =
    hook === null ? openGate : new HookedCreation(hook, { clock: systemClock, log, observer, version });
  return { webhooks, creationGate };
}
