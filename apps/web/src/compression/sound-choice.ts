/** The choice of how sound is sent, and what each would make of it. Pure. */
import type { CompressionEstimate, CompressionPreset, EstimateGoal } from '@holdfast/client/audio';
import { formatBytes, formatRatio } from '../format/format.ts';

export type SoundChoice = 'as-is' | CompressionPreset | 'target';

export interface ChoiceWords {
  readonly choice: SoundChoice;
  readonly title: string;
  readonly what: string;
}

/** In the order in which they save. */
export const soundChoices: readonly ChoiceWords[] = [
  { choice: 'as-is', title: 'Send it as it is', what: 'Every bit of the original.' },
  { choice: 'MEDICAL_HIGH_QUALITY', title: 'High, 128 kbit/s', what: 'More than speech has a use for.' },
  { choice: 'MEDICAL_BALANCED', title: 'Balanced, 96 kbit/s', what: 'More than speech has a use for.' },
  { choice: 'MOBILE_OPTIMIZED', title: 'Mobile, 64 kbit/s', what: 'All that recognition of speech can use.' },
  { choice: 'SPEECH', title: 'Speech, 32 kbit/s', what: 'Clear speech; good where the line is slow.' },
  { choice: 'target', title: 'At most', what: 'The best sound that fits.' },
];

export const targetDefault = 20;

export function isPreset(name: string): name is CompressionPreset {
  return name !== 'as-is' && name !== 'target' && soundChoices.some(({ choice }) => choice === name);
}

/** Null: nothing is done to it. */
export function goalOf(choice: SoundChoice, targetSizeMB: number): EstimateGoal | null {
  if (choice === 'as-is') return null;
  return choice === 'target' ? { targetSizeMB } : choice;
}

/** What several files come to: some were looked into, the others are taken to be like them. */
export interface Outlook {
  readonly bytes: number;
  readonly ratio: number;
  /** Relative increase of wrong words, from … to; the worst of all. */
  readonly lost: readonly [number, number];
  /** Why none of them would become smaller. */
  readonly refused: string | null;
  /** They are within the size that was asked for. */
  readonly fits: boolean;
}

export function outlookOf(estimates: readonly CompressionEstimate[], allBytes: number): Outlook {
  const before = sum(estimates.map(({ inputBytes }) => inputBytes));
  const after = sum(estimates.map(({ outputBytes }) => outputBytes));
  const bytes = before === 0 ? allBytes : Math.round((after / before) * allBytes);
  const refused = estimates.every(({ skipped }) => skipped !== null) ? (estimates[0]?.skipped?.message ?? null) : null;
  const ranges = estimates.map(({ estimatedAsrImpact }) => estimatedAsrImpact.relativeWerIncrease);
  const lost = [Math.max(0, ...ranges.map(([low]) => low)), Math.max(0, ...ranges.map(([, high]) => high))] as const;
  const fits = refused !== null && estimates.every(({ skipped }) => skipped?.reason === 'already-fits');
  return { bytes, fits, ratio: bytes === 0 ? 1 : allBytes / bytes, lost, refused };
}

/** `about 14.6 MB, 47× smaller` */
export function savingWords({ bytes, ratio, refused, fits }: Outlook): string {
  if (fits) return 'is within that already';
  return refused !== null ? 'would not be smaller' : `about ${formatBytes(bytes)}, ${formatRatio(ratio)} smaller`;
}

/** `2 – 4 % more words misheard (estimate)` */
export function lossWords({ lost: [low, high], refused, fits }: Outlook): string {
  if (fits) return '';
  if (refused !== null) return refused;
  const percent = (value: number) => Math.round(value * 1000) / 10;
  if (high === 0) return '';
  return `${percent(low)} – ${percent(high)} % more words misheard by recognisers (estimate)`;
}

/** Below this nobody would wait for a choice. */
const soundBytesMin = 1_000_000;

/** Whether it is worth asking: sound, and of videos only the sound when it is for a recording. */
export function isWorthAsking({ type, size }: { type: string; size: number }, forRecording: boolean): boolean {
  return size >= soundBytesMin && (type.startsWith('audio/') || (forRecording && type.startsWith('video/')));
}

/** What the name of a compressed file is. */
export function compressedName(name: string): string {
  return `${name.replace(/\.[^./\\]{1,5}$/, '')}.webm`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
