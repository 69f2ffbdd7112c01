/**
 * Webhooks of one node: feeds deliveries from the event log, sends them, and answers the API. Any number of nodes may share a database.
 *
 * idle → running (start) → stopped (stop).
 */
import { HoldfastError } from '../core/errors.ts';
import type { EndpointStatus, PingResult, WebhookAdmin } from '../core/ports/webhook-admin.ts';
import { failureOf, isDelivered, type WebhookEndpoint } from '../core/webhook.ts';
import { Feeder } from './feeder.ts';
import { Poster } from './poster.ts';
import { Sender } from './sender.ts';
import type { WebhookSettings } from './settings.ts';

const sweepBatch = 200;
/** Batches in one sweep: bounds the time that it takes. */
const sweepBatchesMax = 100;

export class Webhooks implements WebhookAdmin {
  readonly #settings: WebhookSettings;
  readonly #feeder: Feeder;
  readonly #poster: Poster;
  readonly #senders: readonly Sender[];
  #state: 'idle' | 'running' | 'stopped' = 'idle';
  #feeding: Promise<void> | null = null;
  #again = false;
  #cancelPoll: () => void = () => {};
  #unsubscribe: () => void = () => {};

  constructor(settings: WebhookSettings) {
    this.#settings = settings;
    this.#feeder = new Feeder(settings);
    this.#poster = new Poster(settings.clock, settings.version);
    this.#senders = settings.endpoints.map((endpoint) => new Sender(endpoint, settings, this.#poster));
  }

  /** Takes up what this node was sending before a restart and begins. Rejects when the store does not answer. */
  async start(): Promise<void> {
    if (this.#state !== 'idle' || this.#senders.length === 0) return;
    const { store, holder, clock, uploads, log } = this.#settings;
    const reclaimed = await store.reclaim(holder, clock.now());
    if (reclaimed > 0) log.info({ reclaimed }, 'sends webhooks again that were under way when this node ended');
    await this.#feeder.begin();
    this.#state = 'running';
    this.#unsubscribe = uploads.onEvents(() => this.#feed());
    this.#feed();
    for (const sender of this.#senders) sender.notify();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#unsubscribe();
    this.#cancelPoll();
    await this.#feeding;
    await Promise.all(this.#senders.map((sender) => sender.stop()));
  }

  /** Deletes old deliveries, and gives up those of endpoints that are not served any more. Called by the sweeper. */
  async sweep(): Promise<number> {
    const { store, clock, retentionMs } = this.#settings;
    const now = clock.now();
    const before = now - retentionMs;
    const abandoned = await allOf(() => store.abandon(before, now, sweepBatch));
    return abandoned + (await allOf(() => store.purge(before, sweepBatch)));
  }

  async endpoints(): Promise<EndpointStatus[]> {
    const counts = new Map((await this.#settings.store.counts()).map((one) => [one.endpoint, one]));
    return this.#senders.map(({ endpoint, gone }) => {
      const {
        pending = 0,
        delivered = 0,
        failed = 0,
        lastDeliveredAt = null,
        oldestPendingAt = null,
      } = counts.get(endpoint.id) ?? {};
      return {
        endpoint: shown(endpoint),
        state: gone ? 'gone' : 'active',
        counts: { pending, delivered, failed, lastDeliveredAt, oldestPendingAt },
      };
    });
  }

  async failures(query: Parameters<WebhookAdmin['failures']>[0]): ReturnType<WebhookAdmin['failures']> {
    const { endpoint, ...page } = query;
    const only = endpoint === undefined ? {} : { endpoint: this.#sender(endpoint).endpoint.id };
    const { items, cursor } = await this.#settings.store.troubled({ ...page, ...only });
    const urls = new Map(this.#settings.endpoints.map((one) => [one.id, one.shownUrl]));
    return {
      items: items.map((delivery) => ({ delivery, shownUrl: urls.get(delivery.endpoint) ?? null })),
      cursor,
    };
  }

  async retry(order: Parameters<WebhookAdmin['retry']>[0]): Promise<number> {
    const { store, clock, policy } = this.#settings;
    const senders = order.endpoint === undefined ? this.#senders : [this.#sender(order.endpoint)];
    const now = clock.now();
    const retried = await store.retry({
      endpoints: senders.map((sender) => sender.endpoint.id),
      ...(order.messageId === undefined ? {} : { messageId: order.messageId }),
      now,
      giveUpAt: now + policy.windowMs,
    });
    if (retried === 0 && order.messageId !== undefined)
      throw new HoldfastError(
        'webhook-not-found',
        `There is no delivery of ${order.messageId} that could be sent again; it may be under way, or have been purged.`,
      );
    for (const sender of senders) sender.wake();
    return retried;
  }

  async ping(endpoint: string): Promise<PingResult> {
    const { endpoint: found } = this.#sender(endpoint);
    const { clock, newId } = this.#settings;
    const messageId = `ping_${newId()}`;
    const started = clock.now();
    const body = { id: messageId, type: 'webhook.ping', timestamp: new Date(started).toISOString(), data: {} };
    const answer = await this.#poster.post(found, { id: messageId, body: JSON.stringify(body) });
    return {
      endpoint: shown(found),
      messageId,
      delivered: isDelivered(answer),
      status: answer.kind === 'answered' ? answer.status : null,
      error: failureOf(answer),
      durationMs: clock.now() - started,
    };
  }

  /** By id, by URL, or by the URL as it is shown where that is clear. */
  #sender(name: string): Sender {
    const url = URL.canParse(name) ? new URL(name).href : name;
    const exact = this.#senders.find(({ endpoint }) => endpoint.id === name || endpoint.url === url);
    if (exact) return exact;
    const [found, another] = this.#senders.filter(({ endpoint }) => endpoint.shownUrl === url);
    if (!found) throw new HoldfastError('webhook-not-found', 'No endpoint of that id or URL is configured.');
    if (another)
      throw new HoldfastError(
        'invalid-request',
        'Several endpoints have that URL up to the query; name one by its id.',
      );
    return found;
  }

  /** One look at the log at a time; something may have been appended while it was under way. */
  #feed(): void {
    if (this.#state !== 'running') return;
    if (this.#feeding) {
      this.#again = true;
      return;
    }
    this.#cancelPoll();
    this.#feeding = this.#feedAll().finally(() => {
      this.#feeding = null;
    });
  }

  async #feedAll(): Promise<void> {
    const { log, clock, pollMs } = this.#settings;
    try {
      do {
        this.#again = false;
        await this.#feeder.feed(() => this.#state !== 'running');
        for (const sender of this.#senders) sender.notify();
      } while (this.#again && this.#state === 'running');
    } catch (error) {
      log.error({ err: error }, 'could not take up events for webhooks; looking again shortly');
    }
    if (this.#state === 'running') this.#cancelPoll = clock.after(pollMs, () => this.#feed());
  }
}

function shown({ id, shownUrl, events }: WebhookEndpoint): EndpointStatus['endpoint'] {
  return { id, shownUrl, events };
}

/** Batch after batch, until one is not full. */
async function allOf(next: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let i = 0; i < sweepBatchesMax; i += 1) {
    const done = await next();
    total += done;
    if (done < sweepBatch) break;
  }
  return total;
}
