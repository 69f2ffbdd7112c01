/** The log as the page keeps it: newest first, each event once, not endlessly. Pure. */
import type { LogEvent } from '@holdfast/protocol';

export const eventsShownMax = 500;

export function mergeEvents(shown: readonly LogEvent[], more: readonly LogEvent[]): LogEvent[] {
  const byId = new Map([...shown, ...more].map((event) => [event.id, event]));
  return [...byId.values()].toSorted((a, b) => b.id - a.id).slice(0, eventsShownMax);
}

export type EventTone = 'good' | 'bad' | 'calm';

export function eventTone(type: string): EventTone {
  if (/failed|bytes-dropped/.test(type)) return 'bad';
  return /completed|succeeded/.test(type) ? 'good' : 'calm';
}

/** The asset that an event leads to, if it names one. */
export function eventAsset(event: LogEvent): string | null {
  const id = event.data['assetId'];
  return typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) ? id : null;
}

const timeOfDay = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;

/** `10:04:31` of today, with the date of any other day. */
export function eventTime(iso: string, now: number, locale?: string): string {
  const [at, today] = [new Date(iso), new Date(now)];
  if (at.toDateString() === today.toDateString()) return at.toLocaleTimeString(locale, timeOfDay);
  const year = at.getFullYear() === today.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return at.toLocaleString(locale, { day: 'numeric', month: 'short', ...year, ...timeOfDay });
}

/** `step.succeeded` → `step succeeded` */
export function eventWords(type: string): string {
  return type.replaceAll(/[.-]/g, ' ');
}
