/** Finding words in a text that is on the page, without case and accents. Pure. */

/** Of the same length as the text, so that places in one are places in the other. */
export function folded(text: string): string {
  const lower = text.toLowerCase();
  const same =
    lower.length === text.length ? lower : [...text].map((one) => sameLength(one, one.toLowerCase())).join('');
  // Only what is not plain needs the slow way.
  if (!/[^\u0020-\u007e]/.test(same)) return same;
  return [...same].map((one) => sameLength(one, one.normalize('NFD').replaceAll(/\p{M}/gu, ''))).join('');
}

function sameLength(one: string, other: string): string {
  return other.length === one.length ? other : one;
}

export type Range = readonly [number, number];

/** Places of `query`, first character and one after the last; none for an empty one. */
export function placesOf(text: string, query: string): Range[] {
  const wanted = folded(query.trim());
  if (wanted === '') return [];
  const within = folded(text);
  const places: Range[] = [];
  for (let at = within.indexOf(wanted); at !== -1; at = within.indexOf(wanted, at + wanted.length))
    places.push([at, at + wanted.length]);
  return places;
}

/** Indexes of the texts that have it. */
export function textsWith(foldedTexts: readonly string[], query: string): number[] {
  const wanted = folded(query.trim());
  if (wanted === '') return [];
  return foldedTexts.flatMap((text, i) => (text.includes(wanted) ? [i] : []));
}

export interface Part {
  readonly text: string;
  readonly found: boolean;
}

/** Cuts a text at places that somebody else gave: out of order, overlapping or outside, they do no harm. */
export function partsOf(text: string, places: readonly Range[]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const [from, to] of places.toSorted((a, b) => a[0] - b[0])) {
    const start = Math.max(at, from);
    const end = Math.min(text.length, to);
    if (!(end > start)) continue;
    if (start > at) parts.push({ text: text.slice(at, start), found: false });
    parts.push({ text: text.slice(start, end), found: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), found: false });
  return parts;
}
