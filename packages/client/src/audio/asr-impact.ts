/** What compression may cost a speech recogniser: an estimate from published and our own measurements, never a promise. */
import type { VoiceFilters } from './dsp/voice-chain.ts';

export interface AsrImpact {
  /**
   * From … to, relative to the word error rate of the original: 0.05 means that 10 % wrong words become 10.5 %. A heuristic; docs/audio.md has the
   * measurements behind it.
   */
  readonly relativeWerIncrease: readonly [low: number, high: number];
  /** What the range is made of, in words. */
  readonly basis: string;
}

export interface AsrFacts {
  /** Bit/s of what was encoded. */
  readonly bitrate: number;
  readonly filters: VoiceFilters;
  /** Of the original: Hz, and bit/s of its sound if that was lossy. */
  readonly sampleRate: number | null;
  readonly lossyBitrate: number | null;
}

export const untouched: AsrImpact = { relativeWerIncrease: [0, 0], basis: 'The original is used as it is.' };

/** Opus at 16 kHz mono, by bit/s from … : Amazon's study of Opus for recognition, and our runs of pocketsphinx. */
const byBitrate: readonly { readonly from: number; readonly range: readonly [number, number] }[] = [
  { from: 60_000, range: [0, 0.01] },
  { from: 30_000, range: [0.02, 0.04] },
  { from: 23_000, range: [0.05, 0.1] },
  { from: 15_000, range: [0.12, 0.2] },
  { from: 0, range: [0.4, 1] },
];

export function asrImpact({ bitrate, filters, sampleRate, lossyBitrate }: AsrFacts): AsrImpact {
  const range = byBitrate.find(({ from }) => bitrate >= from)?.range ?? [0.4, 1];
  const parts: { what: string; add: readonly [number, number] }[] = [
    { what: `Opus at ${Math.round(bitrate / 1000)} kbit/s, 16 kHz mono`, add: range },
  ];
  if (filters.noiseReduction === true) parts.push({ what: 'noise reduction', add: [0.05, 0.5] });
  if ((filters.preEmphasis ?? 0) > 0.5) parts.push({ what: 'strong pre-emphasis', add: [0, 0.1] });
  if (lossyBitrate !== null && lossyBitrate < 64_000)
    parts.push({
      what: `a lossy original of ${Math.round(lossyBitrate / 1000)} kbit/s, encoded twice`,
      add: [0.01, 0.04],
    });
  const low = parts.reduce((sum, { add }) => sum + add[0], 0);
  const high = parts.reduce((sum, { add }) => sum + add[1], 0);
  const narrow = sampleRate !== null && sampleRate < 16_000;
  const note = narrow ? ` The original has only ${sampleRate} Hz, which no compression makes worse or better.` : '';
  return {
    relativeWerIncrease: [rounded(low), rounded(high)],
    basis: `Estimated from measurements of recognisers on clean speech: ${parts.map(({ what }) => what).join('; ')}.${note}`,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
