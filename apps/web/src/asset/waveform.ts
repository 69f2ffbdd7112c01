/** `waveform.json` (BBC audiowaveform, JSON version 2) as a curve to draw. Pure. */
import { asObject, numberAt } from './json-reader.ts';

export interface Waveform {
  readonly seconds: number;
  /** Lowest and highest sample of each point, -1 … 1, lowest first. */
  readonly points: Float32Array;
}

export function readWaveform(json: unknown): Waveform | null {
  const root = asObject(json);
  const data = root?.['data'];
  const [rate, perPoint] = [numberAt(root, 'sample_rate'), numberAt(root, 'samples_per_pixel')];
  if (!Array.isArray(data) || data.length < 2 || !rate || !perPoint || (numberAt(root, 'channels') ?? 1) !== 1)
    return null;
  const full = numberAt(root, 'bits') === 16 ? 32_768 : 128;
  const points = Float32Array.from(data.slice(0, data.length - (data.length % 2)), (value: unknown) =>
    typeof value === 'number' ? Math.min(1, Math.max(-1, value / full)) : 0,
  );
  return { seconds: ((points.length / 2) * perPoint) / rate, points };
}

/**
 * An outline for a box `count` wide and from -1 to 1 high, with the loudest at its edge: people compare places of one file, not files.
 * Each step keeps its lowest and highest point. The curve ends where the sound does.
 */
export function waveformPath(
  { seconds, points }: Waveform,
  { count, durationSeconds }: { count: number; durationSeconds: number },
): string {
  const pairs = points.length / 2;
  const width = durationSeconds > 0 ? Math.min(1, seconds / durationSeconds) * count : count;
  const steps = Math.max(1, Math.min(count, pairs));
  const [lows, highs]: [number[], number[]] = [[], []];
  let loudest = 0;
  for (let step = 0; step < steps; step += 1) {
    let [low, high] = [0, 0];
    const end = Math.max(Math.floor(((step + 1) * pairs) / steps), Math.floor((step * pairs) / steps) + 1);
    for (let i = Math.floor((step * pairs) / steps); i < end; i += 1) {
      low = Math.min(low, points[2 * i] ?? 0);
      high = Math.max(high, points[2 * i + 1] ?? 0);
    }
    lows.push(low);
    highs.push(high);
    loudest = Math.max(loudest, -low, high);
  }
  const scale = loudest > 0 ? 0.96 / loudest : 0;
  const x = (step: number) => (((step + 0.5) * width) / steps).toFixed(1);
  // Never quite flat: a silent second is still a second.
  const top = highs.map((high, step) => `L${x(step)} ${(-Math.max(0.012, high * scale)).toFixed(3)}`);
  const bottom = lows.map((low, step) => `L${x(step)} ${Math.max(0.012, -low * scale).toFixed(3)}`).reverse();
  return `M0 0${top.join('')}L${width.toFixed(1)} 0${bottom.join('')}Z`;
}
