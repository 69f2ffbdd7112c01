/** Durations and sizes as people write them. */

export const durationPattern = '^\\d+(?:\\.\\d+)?(?:ms|s|m|h|d)$';
export const sizePattern = '^\\d+(?:\\.\\d+)?(?:B|kB|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$';

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  KiB: 1024,
  MB: 1e6,
  MiB: 1024 ** 2,
  GB: 1e9,
  GiB: 1024 ** 3,
  TB: 1e12,
  TiB: 1024 ** 4,
};

/** Milliseconds of `90s`, `10m`, `1.5h`; null when it is none. */
export function parseDuration(text: string): number | null {
  return quantity(text, durationPattern, milliseconds);
}

/** Bytes of `500kB`, `2GiB`; null when it is none. */
export function parseSize(text: string): number | null {
  return quantity(text, sizePattern, bytes);
}

function quantity(text: string, pattern: string, units: Readonly<Record<string, number>>): number | null {
  if (!new RegExp(pattern).test(text)) return null;
  const unit = units[text.replace(/[\d.]+/, '')];
  return unit === undefined ? null : Math.round(Number.parseFloat(text) * unit);
}
