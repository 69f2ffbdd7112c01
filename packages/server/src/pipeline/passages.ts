/**
 * Text that can be searched. Any step makes its text searchable by leaving an artifact of this content type; the indexer reads nothing else
 * of it. One JSON object: `{"kind":"holdfast.passages","schemaVersion":1,"passages":[…]}`.
 */
export const passagesType = 'application/vnd.holdfast.passages+json';

/** What a passage is part of: what is said, what is read in the picture. */
export type PassageKind = 'speech' | 'screen';

export interface Passage {
  readonly kind: PassageKind;
  /** Seconds from the file's start. */
  readonly start: number;
  readonly end: number;
  /** As it is shown; some sentences long. */
  readonly text: string;
  /** Other words to be found by that are not shown, such as the raw transcript's. */
  readonly also?: string;
  /** `[place in text, seconds]`: from which character on which time is heard, in order. */
  readonly marks: readonly (readonly [number, number])[];
}

export function passagesJson(passages: readonly Passage[]): string {
  return `${JSON.stringify({ kind: 'holdfast.passages', schemaVersion: 1, passages })}\n`;
}
