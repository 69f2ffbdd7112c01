/** What webhooks work with; everything is passed in. */
import type { Clock } from '../core/ports/clock.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { Log } from '../core/ports/log.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { WebhookObserver } from '../core/ports/webhook-admin.ts';
import type { WebhookStore } from '../core/ports/webhook-store.ts';
import type { RetryPolicy, WebhookEndpoint } from '../core/webhook.ts';
import type { Sources } from './message.ts';

export interface WebhookSettings {
  readonly endpoints: readonly WebhookEndpoint[];
  readonly policy: RetryPolicy;
  /** Requests under way at each endpoint. */
  readonly concurrency: number;
  readonly store: WebhookStore;
  readonly uploads: Pick<UploadStore, 'events' | 'onEvents'> & Sources['uploads'];
  readonly ledger: Sources['ledger'];
  /** A path of ours as receivers have to ask for it. */
  readonly address: Sources['address'];
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: WebhookObserver;
  readonly crash: CrashPoints;
  /** 0 … 1, for jitter. */
  readonly random: () => number;
  /** Name of this node; the same after a restart, so that it takes up at once what it was sending. */
  readonly holder: string;
  readonly version: string;
  readonly newId: () => string;
  /** Ended deliveries are kept this long. */
  readonly retentionMs: number;
  /** Looks for something to do at least this often. */
  readonly pollMs: number;
  /** `stop` lets requests that are under way go on for this long. */
  readonly stopMs: number;
}
