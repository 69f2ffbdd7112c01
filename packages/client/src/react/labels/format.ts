/** Numbers for people, by `Intl`: the locale decides on separators, units and their places. Pure. */
export interface Format {
  /** `34.1 MB`. Decimal units, as file managers show them. */
  bytes(bytes: number): string;
  /** `5.2 MB/s` */
  speed(bytesPerSecond: number): string;
  /** Of 0 … 1, whole per cents, rounded down: 100 % is for what is completed. */
  percent(fraction: number): string;
  /** `3 min`: one unit says enough of an estimate. */
  duration(seconds: number): string;
  /** `2:05`, `1:02:05` */
  clock(seconds: number): string;
  count(value: number): string;
}

const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

export function createFormat(locale: string): Format {
  const made = new Map<string, Intl.NumberFormat>();
  const write = (value: number, options: Intl.NumberFormatOptions) => {
    const key = `${options.unit}${options.style}${options.maximumFractionDigits}${options.unitDisplay}`;
    let format = made.get(key);
    if (format === undefined) {
      format = new Intl.NumberFormat(locale, options);
      made.set(key, format);
    }
    return format.format(value);
  };
  const size = (bytes: number, suffix: string) => {
    let step = 0;
    let value = bytes;
    // 999.5 would be rounded to "1,000 kB".
    while (value >= 999.5 && step < sizes.length - 1) {
      value /= 1_000;
      step += 1;
    }
    const maximumFractionDigits = step < 2 || value >= 100 ? 0 : 1;
    // `bytes` has no short form that reads well, and no short name with "per second" in every locale.
    const unitDisplay = step === 0 && suffix === '' ? 'long' : 'short';
    return write(value, { style: 'unit', unit: `${sizes[step]}${suffix}`, maximumFractionDigits, unitDisplay });
  };
  return {
    bytes: (bytes) => size(bytes, ''),
    speed: (bytesPerSecond) => size(bytesPerSecond, '-per-second'),
    percent: (fraction) => write(Math.floor(fraction * 100) / 100, { style: 'percent', maximumFractionDigits: 0 }),
    duration(seconds) {
      const whole = Math.max(1, Math.ceil(seconds));
      // Of the rounded numbers: 59 min 45 s are an hour, not 60 minutes.
      const minutes = Math.round(whole / 60);
      const [unit, value] =
        whole < 60 ? ['second', whole] : minutes < 60 ? ['minute', minutes] : ['hour', whole / 3_600];
      const maximumFractionDigits = unit === 'hour' ? 1 : 0;
      return write(Number(value), { style: 'unit', unit: String(unit), maximumFractionDigits, unitDisplay: 'short' });
    },
    clock(seconds) {
      const whole = Math.floor(seconds);
      const pad = (value: number) => String(value).padStart(2, '0');
      const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
      return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
    },
    count: (value) => write(value, { style: 'decimal', maximumFractionDigits: 0 }),
  };
}
