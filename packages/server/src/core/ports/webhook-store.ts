/**
 * What is to be delivered to webhooks, and how far along the event log each endpoint is. The log is the outbox (docs/decisions/0006):
 * deliveries are made from it behind a durable position. A conformance suite runs on every adapter.
 */
import type { Millis } from '../upload.ts';
import type { Delivery } from '../webhook.ts';
import type { Outcome } from './ledger-store.ts';
import type { Page } from './upload-store.ts';

export type NewDelivery = Pick<Delivery, 'messageId' | 'eventId' | 'type' | 'payload' | 'createdAt' | 'giveUpAt'>;

/** Which claim a result belongs to. */
export type DeliveryClaim = Pick<Delivery, 'messageId' | 'endpoint' | 'fence'>;

/** The end of an attempt. */
export interface DeliveryResult {
  readonly at: Millis;
  readonly status: number | null;
  readonly error: string | null;
  /** When to try again; null when it has ended with this attempt. */
  readonly nextAt: Millis | null;
}

export interface DeliveryCounts {
  readonly endpoint: string;
  readonly pending: number;
  readonly delivered: number;
  readonly failed: number;
  readonly lastDeliveredAt: Millis | null;
  readonly oldestPendingAt: Millis | null;
}

/** What is to be sent again; only deliveries to these endpoints, and none that is being sent right now. */
export interface RetryOrder {
  readonly endpoints: readonly string[];
  /** Only this message, also where it was delivered. Without it: everything that has failed or waits for another attempt. */
  readonly messageId?: string;
  readonly now: Millis;
  readonly giveUpAt: Millis;
}

export interface WebhookStore {
  /**
   * The id of the last event that deliveries have been made for, by endpoint. An endpoint that has no position yet gets one, durably: the
   * end of the log as it is now, so that it hears of everything that comes after.
   */
  positions(endpoints: readonly string[], now: Millis): Promise<ReadonlyMap<string, number>>;
  /**
   * Moves an endpoint from position `after` to `through` and makes the deliveries of the events in between, in one transaction, durable
   * when it resolves. Resolves to false, and changes nothing, when it is not at `after`: another process was faster.
   */
  enqueue(
    endpoint: string,
    range: { readonly after: number; readonly through: number },
    deliveries: readonly NewDelivery[],
  ): Promise<boolean>;
  /**
   * Takes up to `limit` pending deliveries of the endpoint that are due, the longest due first: attempts + 1, fence + 1. Until
   * `now + leaseMs` nobody else gets them, in any process.
   */
  claim(request: {
    readonly endpoint: string;
    readonly holder: string;
    readonly now: Millis;
    readonly leaseMs: number;
    readonly limit: number;
  }): Promise<Delivery[]>;
  delivered(claim: DeliveryClaim, result: DeliveryResult): Promise<Outcome>;
  /** Pending again at `nextAt`, or failed for good when that is null. */
  failed(claim: DeliveryClaim, result: DeliveryResult): Promise<Outcome>;
  /** Pending at once, because the sender stops in order; the attempt does not count. */
  release(claim: DeliveryClaim, now: Millis): Promise<Outcome>;
  /** What `holder` was sending when it ended is due at once. Resolves to how many. */
  reclaim(holder: string, now: Millis): Promise<number>;
  /** When the endpoint's next pending delivery is due; null when none is pending. */
  nextDue(endpoint: string): Promise<Millis | null>;

  /** By endpoint, of all endpoints that have deliveries. */
  counts(): Promise<DeliveryCounts[]>;
  /** How many are pending by endpoint, for metrics. */
  countPending(): Promise<ReadonlyMap<string, number>>;
  /** Deliveries that failed, for good or so far, the newest events first. */
  troubled(query: {
    readonly endpoint?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<Delivery>>;
  /** Makes deliveries due at once, with attempts and time anew. Resolves to how many. */
  retry(order: RetryOrder): Promise<number>;

  /** Deletes deliveries that ended before `before`, from an index; resolves to how many. */
  purge(before: Millis, limit: number): Promise<number>;
  /** Fails pending deliveries that were to be given up before `before`: their endpoint is not served any more. Resolves to how many. */
  abandon(before: Millis, now: Millis, limit: number): Promise<number>;
}
