/** Numbers as people read them. Pure; the language is the browser's. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `1.42 GB`; decimal units, three digits, so that a growing number keeps its width. */
export function formatBytes(bytes: number, locale?: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.5 would be rounded to "1,000 kB".
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[unit] ?? 'B'}`;
}

export function formatSpeed(bytesPerSecond: number, locale?: string): string {
  return `${formatBytes(bytesPerSecond, locale)}/s`;
}

/** How many times smaller: `34×`, `2.4×`. */
export function formatRatio(ratio: number, locale?: string): string {
  return `${ratio.toLocaleString(locale, { maximumFractionDigits: ratio < 9.95 ? 1 : 0 })}×`;
}

/** Never "100 %" before it is all there. */
export function formatPercent(fraction: number): string {
  return `${wholePercent(fraction)} %`;
}

export function wholePercent(fraction: number): number {
  if (!(fraction > 0)) return 0;
  return fraction >= 1 ? 100 : Math.min(99, Math.floor(fraction * 100));
}

/** A place or a length in a film: `4:07`, `1:02:09`. */
export function formatTimecode(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, '0');
  const m = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3600);
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** The same for speech and labels: `4 minutes 7 seconds`. */
export function spokenDuration(seconds: number): string {
  if (seconds > 0 && seconds < 1) return 'less than 1 second';
  const whole = Math.max(0, Math.round(seconds));
  const parts = [count(Math.floor(whole / 3600), 'hour'), count(Math.floor(whole / 60) % 60, 'minute')];
  if (whole < 3600) parts.push(count(whole % 60, 'second'));
  return parts.filter((part) => part !== '').join(' ') || '0 seconds';
}

function count(n: number, word: string): string {
  return n === 0 ? '' : `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** What is left, in steps that do not flicker: `12 s`, `about 3 min`, `about 1 h 20 min`. */
export function formatRemaining(seconds: number): string {
  if (seconds < 1) return 'almost done';
  if (seconds <= 59) return `${Math.ceil(seconds)} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min left`;
  const rest = minutes % 60;
  return `about ${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`} left`;
}

/** `just now`, `5 minutes ago`, `3 March`. `now` is passed in so that a page can tick once a minute. */
export function formatAgo(iso: string, now: number, locale?: string): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) return '';
  const seconds = Math.round((now - then) / 1000);
  if (seconds < 45) return 'just now';
  const relative = new Intl.RelativeTimeFormat(locale ?? 'en', { numeric: 'auto' });
  // Of the rounded numbers: 59 min 50 s are an hour ago, not 60 minutes.
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return relative.format(-minutes, 'minute');
  const hours = Math.round(seconds / 3_600);
  if (hours < 24) return relative.format(-hours, 'hour');
  const days = Math.round(seconds / 86_400);
  if (days < 7) return relative.format(-days, 'day');
  return new Date(then).toLocaleDateString(locale, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** `1 file`, `3 files`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}
