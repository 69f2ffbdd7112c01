/**
 * From the event log to deliveries. Each endpoint has a durable position in the log, which moves in the transaction that makes the deliveries
 * of the events it passes: a crash loses none and makes none twice, and of several processes one moves it.
 */
import type { NewDelivery } from '../core/ports/webhook-store.ts';
import type { LoggedEvent } from '../core/upload.ts';
import { messageIdOf, type WebhookEndpoint, wants, webhookType } from '../core/webhook.ts';
import { MessageWriter } from './message.ts';
import type { WebhookSettings } from './settings.ts';

/** Events that are read at a time. */
const batch = 100;
/** Events that nobody wants are passed without a write, so that progress costs no commits; after a crash, at most so many are read again. */
const unsavedMax = 2_000;

/** How far an endpoint has been read without a delivery to make. Good for as long as its durable position is the same. */
interface Ahead {
  readonly position: number;
  readonly at: number;
  readonly events: number;
}

/** A piece of the log for the endpoints that stand at its beginning. */
interface Piece {
  readonly through: number;
  readonly events: readonly LoggedEvent[];
  readonly payloads: ReadonlyMap<number, string>;
}

export class Feeder {
  readonly #settings: WebhookSettings;
  readonly #ahead = new Map<string, Ahead>();

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

  /** One piece of the log for the endpoints that are furthest behind; false when there is nothing for anybody. */
  async #step(): Promise<boolean> {
    const { endpoints, uploads, crash } = this.#settings;
    const positions = await this.#positions();
    const read = new Map([...positions].map(([id, position]) => [id, this.#readTo(id, position)]));
    const after = Math.min(...read.values());
    const events = await uploads.events({ after, limit: batch });
    const last = events.at(-1);
    if (!last) return false;
    // No further than to where the next endpoint is: from there on they go together.
    const through = Math.min(...[...read.values()].filter((at) => at > after), last.id);
    const behind = endpoints.filter((endpoint) => read.get(endpoint.id) === after);
    const passed = events.filter((event) => event.id <= through);
    const piece = { through, events: passed, payloads: await this.#payloads(passed, behind) };
    crash('webhook:before-enqueue');
    await Promise.all(behind.map((endpoint) => this.#pass(endpoint, positions.get(endpoint.id) ?? after, piece)));
    return true;
  }

  #readTo(id: string, position: number): number {
    const ahead = this.#ahead.get(id);
    return ahead?.position === position ? ahead.at : position;
  }

  async #pass(endpoint: WebhookEndpoint, position: number, piece: Piece): Promise<void> {
    const deliveries = this.#deliveries(endpoint, piece);
    const before = this.#ahead.get(endpoint.id);
    const events = piece.events.length + (before?.position === position ? before.events : 0);
    if (deliveries.length === 0 && events <= unsavedMax) {
      this.#ahead.set(endpoint.id, { position, at: piece.through, events });
      return;
    }
    this.#ahead.delete(endpoint.id);
    await this.#settings.store.enqueue(endpoint.id, { after: position, through: piece.through }, deliveries);
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
    const { uploads, ledger, address } = this.#settings;
    const writer = new MessageWriter({ uploads, ledger, address });
    const wanted = events.filter((event) => endpoints.some((one) => wants(one.events, webhookType(event))));
    const written = wanted.map(async (event) => [event.id, await writer.write(event)] as const);
    return new Map(await Promise.all(written));
  }

  #deliveries(endpoint: WebhookEndpoint, piece: Piece): NewDelivery[] {
    const now = this.#settings.clock.now();
    const giveUpAt = now + this.#settings.policy.windowMs;
    return piece.events.flatMap((event) => {
      const type = webhookType(event);
      const payload = piece.payloads.get(event.id);
      if (payload === undefined || !wants(endpoint.events, type)) return [];
      return [{ messageId: messageIdOf(event), eventId: event.id, type, payload, createdAt: now, giveUpAt }];
    });
  }
}
