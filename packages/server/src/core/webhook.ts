/**
 * The rules of webhooks: which events an endpoint wants, what an attempt at delivery comes to, and when the next one is due. Pure.
 *
 *     pending → delivered   the endpoint answered 2xx
 *     pending → pending     it did not: again later, until the time is up
 *     pending → failed      the next attempt would come after the time is up
 *     failed, delivered → pending   somebody asked for it to be sent again; attempts and time start anew
 */
import { oneLine } from './one-line.ts';
import type { LoggedEvent, Millis } from './upload.ts';

/** Somebody's HTTP address that is told of events, as configured. */
export interface WebhookEndpoint {
  /** Follows from the URL alone, so that secrets and filters can change without losing what is pending. */
  readonly id: string;
  readonly url: string;
  /** Scheme, host and path: what logs, metrics and the API may show. A query can hold a secret. */
  readonly shownUrl: string;
  readonly host: string;
  /** HMAC keys, the current one first. Every request carries one signature for each. */
  readonly keys: readonly Uint8Array[];
  /** Event patterns: `upload.completed`, `run.*`, `*`. */
  readonly events: readonly string[];
  readonly timeoutMs: number;
}

/** When failed deliveries are tried again. */
export interface RetryPolicy {
  readonly firstRetryMs: number;
  /** From the event's being taken up to giving up. */
  readonly windowMs: number;
}

export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** One event for one endpoint. */
export interface Delivery {
  readonly messageId: string;
  /** The endpoint's id. */
  readonly endpoint: string;
  readonly eventId: number;
  readonly type: string;
  /** The JSON that is sent, the same in every attempt. */
  readonly payload: string;
  readonly state: DeliveryState;
  /** Attempts begun since it was made or last asked for. */
  readonly attempts: number;
  /** Rises with every claim; a result under an older one is refused. */
  readonly fence: number;
  /** The node that is sending it now. */
  readonly holder: string | null;
  readonly createdAt: Millis;
  /** When it is due; while it is being sent, when others may take it over. */
  readonly nextAt: Millis;
  readonly giveUpAt: Millis;
  readonly lastAt: Millis | null;
  /** HTTP status of the last attempt; null when there was no answer. */
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly endedAt: Millis | null;
}

/** What came of one request. */
export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** From Retry-After; null when there is none that can be read. */
      readonly retryAfterMs: number | null;
      /** The beginning of the body, unless the status is 2xx. */
      readonly body: string;
    }
  | { readonly kind: 'no-answer'; readonly reason: string };

export type Verdict =
  | { readonly state: 'delivered' }
  | { readonly state: 'pending'; readonly nextAt: Millis }
  | { readonly state: 'failed' };

/** Every event type that there is, as webhooks name them. */
export const webhookTypes = [
  'upload.created',
  'upload.progress',
  'upload.paused',
  'upload.resumed',
  'upload.validating',
  'upload.assembling',
  'upload.completed',
  'upload.cancelled',
  'upload.expired',
  'upload.failed',
  'upload.bytes-dropped',
  'run.created',
  'run.cancelling',
  'run.succeeded',
  'run.failed',
  'run.cancelled',
  'step.started',
  'step.progress',
  'step.succeeded',
  'step.skipped',
  'step.retrying',
  'step.failed',
  'step.cancelling',
  'step.cancelled',
] as const;

/** The life of uploads and runs. Steps are the inside of a run: who wants them says so. */
export const defaultPatterns: readonly string[] = ['upload.*', 'run.*'];

/** One for every percent of an upload, every twentieth of a step: no pattern covers them, they have to be named. */
const progress: readonly string[] = ['upload.progress', 'step.progress'];

const retryFactor = 3;
const retryMsMax = 12 * 3_600_000;
const retryAfterMsMax = 24 * 3_600_000;
const errorCharsMax = 200;

/** `upload.completed`; the log calls the events of uploads by their second half only. */
export function webhookType(event: Pick<LoggedEvent, 'subject' | 'type'>): string {
  return event.subject === 'upload' ? `upload.${event.type}` : event.type;
}

/** The same for every attempt and every endpoint, and never used for another event: what receivers tell repetitions by. */
export function messageIdOf(event: Pick<LoggedEvent, 'subjectId' | 'seq'>): string {
  return `evt_${event.subjectId}_${event.seq}`;
}

/** Whether a pattern can match anything; the caller says what it takes. */
export function isPattern(text: string): boolean {
  return text === '*' || webhookTypes.some((type) => type === text || `${type.split('.')[0]}.*` === text);
}

export function wants(patterns: readonly string[], type: string): boolean {
  if (patterns.includes(type)) return true;
  if (progress.includes(type)) return false;
  return patterns.includes('*') || patterns.includes(`${type.split('.')[0]}.*`);
}

/**
 * Milliseconds to wait after `attempts` failed ones: the first delay, then three times as long each time, up to 12 hours; of which up to a
 * quarter is taken off at random, so that what failed together does not come back together.
 */
export function webhookRetryMs(attempts: number, policy: RetryPolicy, random: number): number {
  const full = Math.min(retryMsMax, policy.firstRetryMs * retryFactor ** Math.min(attempts - 1, 30));
  return Math.round(full * (1 - random / 4));
}

export function isDelivered(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status >= 200 && answer.status <= 299;
}

/** How long the endpoint asks to be left alone: 0 when it does not. A day at most, whatever it says. */
export function askedToWaitMs(answer: Answer): number {
  if (answer.kind === 'no-answer' || isDelivered(answer)) return 0;
  return Math.min(answer.retryAfterMs ?? 0, retryAfterMsMax);
}

/** What an attempt comes to. `random` is from 0 to 1. */
export function judge(
  delivery: Pick<Delivery, 'attempts' | 'giveUpAt'>,
  answer: Answer,
  facts: { readonly policy: RetryPolicy; readonly now: Millis; readonly random: number },
): Verdict {
  if (isDelivered(answer)) return { state: 'delivered' };
  const wait = Math.max(webhookRetryMs(delivery.attempts, facts.policy, facts.random), askedToWaitMs(answer));
  const nextAt = facts.now + wait;
  return nextAt > delivery.giveUpAt ? { state: 'failed' } : { state: 'pending', nextAt };
}

/** Why an attempt failed, on one short line. Null when it did not. */
export function failureOf(answer: Answer): string | null {
  if (isDelivered(answer)) return null;
  if (answer.kind === 'no-answer') return oneLine(answer.reason, errorCharsMax);
  const { status, body } = answer;
  if (status >= 300 && status <= 399) return `${status}: redirects are not followed`;
  const said = oneLine(body, errorCharsMax);
  return said === '' ? `${status}` : `${status}: ${said}`;
}
