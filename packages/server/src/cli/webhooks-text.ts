/** Webhooks as lines for a terminal. Pure. */
import type { WebhookDelivery, WebhookEndpoint, WebhookTested } from '@holdfast/protocol';
import { formatDuration, formatTable, safeText } from './format-text.ts';

export function endpointLines(endpoints: readonly WebhookEndpoint[], now: number): string[] {
  if (endpoints.length === 0) return ['No endpoints are configured (setting "webhooks").'];
  const rows = endpoints.map((one) => [
    one.id,
    one.state,
    String(one.pending),
    String(one.delivered),
    String(one.failed),
    since(one.lastDeliveredAt, now),
    since(one.oldestPendingAt, now),
    safeText(one.url),
    one.events.join(' '),
  ]);
  return formatTable([
    ['ID', 'STATE', 'PENDING', 'DELIVERED', 'FAILED', 'LAST SUCCESS', 'OLDEST PENDING', 'URL', 'EVENTS'],
    ...rows,
  ]);
}

export function failureLines(deliveries: readonly WebhookDelivery[], now: number): string[] {
  if (deliveries.length === 0) return ['Nothing has failed.'];
  const rows = deliveries.map((one) => [
    one.id,
    one.type,
    one.state,
    String(one.attempts),
    nextAttempt(one, now),
    safeText(one.url ?? `${one.endpoint} (not configured)`),
    safeText(one.lastError ?? ''),
  ]);
  return formatTable([['ID', 'TYPE', 'STATE', 'ATTEMPTS', 'NEXT', 'URL', 'LAST ERROR'], ...rows]);
}

export function testLine(result: WebhookTested): string {
  const took = `${result.durationMs} ms`;
  if (result.delivered) return `${safeText(result.url)} answered ${result.status} after ${took}.`;
  return `${safeText(result.url)} did not take the ping (${took}): ${safeText(result.error ?? 'no reason given')}`;
}

function since(time: string | null, now: number): string {
  return time === null ? '-' : `${formatDuration((now - Date.parse(time)) / 1_000)} ago`;
}

function nextAttempt({ nextAttemptAt }: WebhookDelivery, now: number): string {
  if (nextAttemptAt === null) return '-';
  const seconds = (Date.parse(nextAttemptAt) - now) / 1_000;
  return seconds <= 0 ? 'now' : `in ${formatDuration(seconds)}`;
}
