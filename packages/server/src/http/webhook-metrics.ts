/** Prometheus metrics of webhooks. Endpoints are labelled by host: paths and queries can hold secrets. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { WebhookObserver } from '../core/ports/webhook-admin.ts';

export function webhookMetrics(registry: Registry): WebhookObserver {
  const registers = [registry];
  const attempts = new Counter({
    name: 'holdfast_webhook_attempts_total',
    help: 'Attempts at delivering webhooks: delivered, to be tried again, given up',
    labelNames: ['host', 'outcome'],
    registers,
  });
  const questions = new Counter({
    name: 'holdfast_creation_hook_total',
    help: 'Questions to the creation hook: allowed, refused, unreachable',
    labelNames: ['outcome'],
    registers,
  });
  return {
    attempted: (host, outcome) => attempts.inc({ host, outcome }),
    asked: (outcome) => questions.inc({ outcome }),
  };
}

/** `pending` is asked when metrics are scraped: deliveries that wait, by host. */
export function addWebhookGauge(registry: Registry, pending: () => Promise<ReadonlyMap<string, number>>): void {
  new Gauge({
    name: 'holdfast_webhooks_pending',
    help: 'Webhook deliveries that are not through yet',
    labelNames: ['host'],
    // Every process reads the same from the state.
    aggregator: 'first',
    registers: [registry],
    async collect() {
      this.reset();
      for (const [host, count] of await pending()) this.set({ host }, count);
    },
  });
}
