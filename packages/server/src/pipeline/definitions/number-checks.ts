/** Numbers of a step that are well-formed and still cannot be meant. */
import type { Path } from './definition-text.ts';
import { parseDuration, parseSize } from './quantities.ts';
import type { StepDraft } from './step-draft.ts';

/** Longer than anybody waits; times beyond some 270,000 years are no dates any more. */
const durationDaysMax = 1_000;
const dayMs = 86_400_000;

/** Durations and sizes: none is endless, and a limit of nothing would end every attempt at its start. */
export function checkQuantities(draft: StepDraft): void {
  const { timeout, stall, retries, limits } = draft.entry;
  const durations: readonly (readonly [Path, string | undefined, number])[] = [
    [['timeout'], timeout, 1],
    [['stall'], stall, 1],
    [['retries', 'initial'], retries?.initial, 0],
    [['retries', 'max'], retries?.max, 0],
    [['limits', 'cpu'], limits?.cpu, 1],
  ];
  for (const [at, text, min] of durations) {
    const ms = text === undefined ? null : parseDuration(text);
    if (ms !== null && (ms < min || ms > durationDaysMax * dayMs))
      draft.text.problem([...draft.path, ...at], `"${at.at(-1)}" is ${min} ms to ${durationDaysMax} days.`);
  }
  for (const key of ['memory', 'fileSize'] as const) {
    const bytes = limits?.[key] === undefined ? null : parseSize(limits[key]);
    // A command may be kept from writing any file.
    const min = key === 'fileSize' ? 0 : 1;
    if (bytes !== null && (bytes < min || !Number.isSafeInteger(bytes)))
      draft.text.problem([...draft.path, 'limits', key], `"${key}" is ${min} B to 8000 TiB.`);
  }
}

/** Numbers that are passed on as they are written: of `.inf` and of too many digits something else would arrive. */
export function checkNumbers({ text, path, entry }: StepDraft): void {
  const check = (value: unknown, at: Path) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return;
    if (Number.isFinite(value) && !Number.isInteger(value)) return;
    text.problem([...path, ...at], 'This number cannot be kept as it is written: put it in quotes.');
  };
  for (const key of ['with', 'env'] as const)
    for (const [name, value] of Object.entries(entry[key] ?? {})) check(value, [key, name]);
  for (const [i, word] of (entry.command ?? []).entries())
    if (Array.isArray(word)) for (const [n, inner] of word.entries()) check(inner, ['command', i, n]);
    else check(word, ['command', i]);
}
