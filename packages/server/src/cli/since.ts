/** How far back a question goes, as people type it. */
import { CommandFailed, exitCodes } from './io.ts';

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** `7d`, `12h`, `30m`, `2w`, or a date → ISO 8601. @throws CommandFailed (usage) */
export function sinceTime(text: string, now: number): string {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now - Number(count) * (unitMs[unit] ?? 0)).toISOString();
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  const what = `"${text}" is no time: give how long ago (30m, 12h, 7d, 2w) or a date (2026-11-14, 2026-11-14T09:00Z).`;
  throw new CommandFailed(what, exitCodes.usage);
}
