/** What the API does with webhooks, and what metrics want to know of them. */
import type { Delivery, WebhookEndpoint } from '../webhook.ts';
import type { Page } from './upload-store.ts';
import type { DeliveryCounts } from './webhook-store.ts';

export interface EndpointStatus {
  readonly endpoint: Pick<WebhookEndpoint, 'id' | 'shownUrl' | 'events'>;
  /** `gone`: it answered 410 and is left alone until this process restarts or somebody asks for a retry. */
  readonly state: 'active' | 'gone';
  readonly counts: Omit<DeliveryCounts, 'endpoint'>;
}

export interface PingResult {
  readonly endpoint: EndpointStatus['endpoint'];
  readonly messageId: string;
  readonly delivered: boolean;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
}

/** Endpoints are named by their id or their URL. Methods reject with `webhook-not-found` for one that is not configured. */
export interface WebhookAdmin {
  endpoints(): Promise<EndpointStatus[]>;
  /** Deliveries that failed, for good or so far, the newest events first. */
  failures(query: {
    readonly endpoint?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<{ readonly delivery: Delivery; readonly shownUrl: string | null }>>;
  /** Sends again: one message (also a delivered one), or all that failed or wait for another attempt. Resolves to how many. */
  retry(order: { readonly endpoint?: string; readonly messageId?: string }): Promise<number>;
  /** Sends a signed `webhook.ping` at once, without a record of it. */
  ping(endpoint: string): Promise<PingResult>;
}

/** Calls are cheap and never throw. */
export interface WebhookObserver {
  /** One attempt at delivery. */
  attempted(host: string, outcome: 'delivered' | 'retrying' | 'failed'): void;
  asked(outcome: 'allowed' | 'refused' | 'unreachable'): void;
}
