/**
 * From the event log to deliveries. Each endpoint has a durable position in the log, which moves in the transaction that makes the deliveries
 * of the events it passes: a crash loses none and makes none twice, and of several processes one moves it.
 */
import type { NewDelivery } from '../core/ports/webhook-store.ts';
import type { LoggedEvent } from '../core/upload.ts';
import { messageIdOf, type WebhookEndpoint, wants, webhookType } from '../core/webhook.ts';
import { MessageWriter } from './message.ts';
import type { WebhookSettings } from './settings.ts';

/** Events between two moves of a position. */
const batch = 200;

export class Feeder {
  readonly #settings: WebhookSettings;

  constructor(settings: WebhookSettings) {
    this.#settings = settings;
  }

  /** Makes positions for endpoints that are new: they hear of what happens from now on. */
  async begin(): Promise<void> {
    await this.#positions();
  }

  /** Makes the deliveries of what has been appended since; resolves when the end of the log is reached. */
  async feed(stopped: () => boolean): Promise<void> {
    while (!stopped() && (await this.#step())) {}
  }

  /** One batch for the endpoints that are furthest behind; false when there is nothing for anybody. */
  async #step(): Promise<boolean> {
    const { endpoints, uploads } = this.#settings;
    const positions = await this.#positions();
    const after = Math.min(...positions.values());
    const events = await uploads.events({ after, limit: batch });
    const last = events.at(-1);
    if (!last) return false;
    const behind = endpoints.filter((endpoint) => positions.get(endpoint.id) === after);
    // No further than to where the next endpoint is: from there on they go together.
    const next = Math.min(...[...positions.values()].filter((position) => position > after), last.id);
    const range = { after, through: next };
    const passed = events.filter((event) => event.id <= next);
    const payloads = await this.#payloads(passed, behind);
    this.#settings.crash('webhook:before-enqueue');
    await Promise.all(
      behind.map((endpoint) =>
        this.#settings.store.enqueue(endpoint.id, range, this.#deliveries(endpoint, passed, payloads)),
      ),
    );
    return true;
  }

  #positions(): Promise<ReadonlyMap<string, number>> {
    const { store, endpoints, clock } = this.#settings;
    return store.positions(
      endpoints.map((endpoint) => endpoint.id),
      clock.now(),
    );
  }

  /** By event id; only of events that somebody wants. */
  async #payloads(
    events: readonly LoggedEvent[],
    endpoints: readonly WebhookEndpoint[],
  ): Promise<ReadonlyMap<number, string>> {
    const { uploads, ledger } = this.#settings;
    const writer = new MessageWriter({ uploads, ledger });
    const wanted = events.filter((event) => endpoints.some((one) => wants(one.events, webhookType(event))));
    const written = wanted.map(async (event) => [event.id, await writer.write(event)] as const);
    return new Map(await Promise.all(written));
  }

  #deliveries(
    endpoint: WebhookEndpoint,
    events: readonly LoggedEvent[],
    payloads: ReadonlyMap<number, string>,
  ): NewDelivery[] {
    const now = this.#settings.clock.now();
    return events.flatMap((event) => {
      const type = webhookType(event);
      const payload = payloads.get(event.id);
      if (payload === undefined || !wants(endpoint.events, type)) return [];
      const giveUpAt = now + this.#settings.policy.windowMs;
      return [{ messageId: messageIdOf(event), eventId: event.id, type, payload, createdAt: now, giveUpAt }];
    });
  }
}
