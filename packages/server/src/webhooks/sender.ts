/**
 * Sends what is due at one endpoint. Every endpoint has its own sender with its own places, so that a slow one holds up nobody else.
 *
 * active → gone (it answered 410) → active (somebody asked for a retry); either → stopped. Claims are made only while active, by one
 * `#pump` at a time.
 */
import {
  type Answer,
  askedToWaitMs,
  type Delivery,
  failureOf,
  isDelivered,
  judge,
  type WebhookEndpoint,
} from '../core/webhook.ts';
import type { Poster } from './poster.ts';
import type { WebhookSettings } from './settings.ts';

/** How long after the time-out of a request others may take its delivery over; clocks of nodes may differ by less than this. */
const leaseMarginMs = 15_000;
const soonMs = 20;

export class Sender {
  readonly endpoint: WebhookEndpoint;
  readonly #settings: WebhookSettings;
  readonly #poster: Poster;
  readonly #sending = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #state: 'active' | 'gone' | 'stopped' = 'active';
  /** The last attempt failed: said once, not for each of the many deliveries that then fail too. */
  #failing = false;
  /** The endpoint asked to be left alone until then. */
  #quietUntil = 0;
  #pumping: Promise<void> | null = null;
  #again = false;
  #cancelWake: () => void = () => {};

  constructor(endpoint: WebhookEndpoint, settings: WebhookSettings, poster: Poster) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#poster = poster;
  }

  get gone(): boolean {
    return this.#state === 'gone';
  }

  /** Something may be due: looks at once. Cheap; never rejects. */
  notify(): void {
    if (this.#state !== 'active') return;
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#cancelWake();
    this.#pumping = this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  /** Somebody wants things sent now, whatever the endpoint said before. */
  wake(): void {
    if (this.#state === 'gone') this.#state = 'active';
    this.#quietUntil = 0;
    this.notify();
  }

  /** Takes nothing more and lets requests under way go on for a while; what is cut off then is due again at once. Idempotent. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#cancelWake();
    await this.#pumping;
    const cancel = this.#settings.clock.after(this.#settings.stopMs, () => this.#stopping.abort());
    await Promise.all(this.#sending);
    cancel();
  }

  async #pump(): Promise<void> {
    const { log, pollMs, clock } = this.#settings;
    let wakeMs = pollMs;
    try {
      do {
        this.#again = false;
        await this.#claim();
        wakeMs = await this.#untilDue();
      } while (this.#again && this.#state === 'active');
    } catch (error) {
      log.error(
        { err: error, host: this.endpoint.host },
        'the store of webhooks does not answer; looking again shortly',
      );
    }
    if (this.#state === 'active') this.#cancelWake = clock.after(wakeMs, () => this.notify());
  }

  async #claim(): Promise<void> {
    const { store, clock, holder, concurrency } = this.#settings;
    const limit = concurrency - this.#sending.size;
    const now = clock.now();
    if (this.#state !== 'active' || limit <= 0 || now < this.#quietUntil) return;
    const leaseMs = this.endpoint.timeoutMs + leaseMarginMs;
    for (const delivery of await store.claim({ endpoint: this.endpoint.id, holder, now, leaseMs, limit }))
      this.#begin(delivery);
  }

  #begin(delivery: Delivery): void {
    const { log } = this.#settings;
    const done = this.#deliver(delivery).catch((error: unknown) => {
      // The lease ends by itself, and then it is sent again.
      log.error({ err: error, ...this.#facts(delivery) }, 'could not record what came of a webhook');
    });
    const sending = done.then(() => {
      this.#sending.delete(sending);
      this.notify();
    });
    this.#sending.add(sending);
  }

  /** Milliseconds until it is worth looking again, when nobody notifies. */
  async #untilDue(): Promise<number> {
    const { store, clock, pollMs, concurrency } = this.#settings;
    const due = await store.nextDue(this.endpoint.id);
    if (due === null) return pollMs;
    const wait = Math.max(due, this.#quietUntil) - clock.now();
    if (wait > 0) return Math.min(wait, pollMs);
    // Due already and yet not claimed. Without room, the next end of a request looks again; otherwise it has become due since, or another
    // process is about to take it.
    return this.#sending.size >= concurrency ? pollMs : Math.min(soonMs, pollMs);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { store, clock, crash, policy, random, log } = this.#settings;
    const message = { id: delivery.messageId, body: delivery.payload };
    const answer = await this.#poster.post(this.endpoint, message, this.#stopping.signal);
    const now = clock.now();
    if (this.#stopping.signal.aborted && answer.kind === 'no-answer') {
      await store.release(delivery, now);
      return;
    }
    if (isDelivered(answer)) crash('webhook:after-send');
    const verdict = judge(delivery, answer, { policy, now, random: random() });
    this.#heed(answer, now);
    const status = answer.kind === 'answered' ? answer.status : null;
    const result = { at: now, status, error: failureOf(answer) };
    const recorded =
      verdict.state === 'delivered'
        ? await store.delivered(delivery, { ...result, nextAt: null })
        : await store.failed(delivery, { ...result, nextAt: verdict.state === 'pending' ? verdict.nextAt : null });
    if (recorded === 'applied') this.#report(delivery, result, verdict);
    else log.warn(this.#facts(delivery), 'a webhook was taken over while it was being sent; it may have come twice');
  }

  /** What the answer says about the endpoint as a whole. */
  #heed(answer: Answer, now: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, now + askedToWaitMs(answer));
    if (answer.kind !== 'answered' || answer.status !== 410 || this.#state !== 'active') return;
    this.#state = 'gone';
    this.#settings.log.error(
      { endpoint: this.endpoint.id, host: this.endpoint.host },
      'a webhook endpoint answered 410: it gets nothing more until the server restarts or somebody asks for a retry',
    );
  }

  #report(
    delivery: Delivery,
    result: { readonly status: number | null; readonly error: string | null },
    verdict: ReturnType<typeof judge>,
  ): void {
    const { log, observer } = this.#settings;
    // What an endpoint says beside its status is for the list of failures, not for the log.
    const said = result.status === null ? { error: result.error } : { status: result.status };
    const facts = { ...this.#facts(delivery), ...said };
    observer.attempted(this.endpoint.host, verdict.state === 'pending' ? 'retrying' : verdict.state);
    const failed = verdict.state !== 'delivered';
    if (verdict.state === 'failed') log.error(facts, 'webhook given up');
    else if (failed && !this.#failing) log.warn(facts, 'webhook not delivered; trying again later');
    else if (!failed && this.#failing) log.info(facts, 'webhook delivered; the endpoint answers again');
    else log.debug(facts, failed ? 'webhook not delivered' : 'webhook delivered');
    this.#failing = failed;
  }

  #facts(delivery: Delivery) {
    const { messageId, type, attempts } = delivery;
    return { messageId, type, attempts, endpoint: this.endpoint.id, host: this.endpoint.host };
  }
}
