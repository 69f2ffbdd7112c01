/** `on-screen-text.json`: what is read in the picture, and when. Pure. */
import { asObject, numberAt, objectsAt, textAt } from './json-reader.ts';

export interface ScreenText {
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  /** One line. */
  readonly text: string;
}

/** Text that stays over several shots is one. */
export function readScreenText(json: unknown): ScreenText[] {
  const found: ScreenText[] = [];
  for (const picture of objectsAt(asObject(json), 'pictures')) {
    const [start, end] = [numberAt(picture, 'start'), numberAt(picture, 'end')];
    const text = textAt(picture, 'text')?.replaceAll(/\s*\n\s*/g, ' · ') ?? null;
    if (start === null || end === null || text === null) continue;
    const last = found.at(-1);
    if (last !== undefined && last.text === text && numberAt(picture, 'sameAs') !== null)
      found[found.length - 1] = { ...last, end };
    else found.push({ start, end, text });
  }
  return found;
}
