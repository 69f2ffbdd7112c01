/** Text that can be searched, as an artifact. */
import { type Passage, passagesType } from '../core/search.ts';

export { type Passage, passagesType };

export function passagesJson(passages: readonly Passage[]): string {
  return `${JSON.stringify({ kind: 'holdfast.passages', schemaVersion: 1, passages })}\n`;
}

const textCharsMax = 20_000;
const passagesMax = 50_000;

/** Reads what a step left, which may be a program of somebody else: what is not as described is left out. */
export function readPassages(text: string): Passage[] {
  const root = parsed(text);
  const list = Array.isArray(root?.['passages']) ? root['passages'] : [];
  return list.slice(0, passagesMax).flatMap((item): Passage[] => {
    const { kind, start, end, text: shown, also, marks } = (item ?? {}) as Partial<Record<keyof Passage, unknown>>;
    if (kind !== 'speech' && kind !== 'screen') return [];
    if (!isTime(start) || !isTime(end) || typeof shown !== 'string' || shown.trim() === '') return [];
    const extra = typeof also === 'string' && also !== '' ? { also: also.slice(0, textCharsMax) } : {};
    return [{ kind, start, end, text: shown.slice(0, textCharsMax), ...extra, marks: marksOf(marks) }];
  });
}

function marksOf(value: unknown): Passage['marks'] {
  const list = Array.isArray(value) ? (value as unknown[]) : [];
  return list.flatMap((mark) => {
    const [place, seconds] = Array.isArray(mark) ? (mark as unknown[]) : [];
    return isTime(place) && isTime(seconds) ? [[place, seconds] as const] : [];
  });
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
