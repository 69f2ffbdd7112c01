/** What deleting an asset means, in words. Pure. */
import { type Asset, shownName } from '@holdfast/protocol';

const namesMax = 3;

export function deletionWords({ sources }: Pick<Asset, 'sources'>): string {
  const words = ['The file is deleted for good, with its pictures, transcript and summary.'];
  if (sources.length > 1)
    words.push(`The same content came several times${nameWords(sources)}: it is kept once, and all of them go.`);
  if (sources.some(({ watched }) => watched === undefined))
    words.push('That it was uploaded stays in the history of uploads for a while.');
  return words.join(' ');
}

/** `, as “a”, “b” and others`; nothing where there is one name only. Of many sources the server tells the newest. */
function nameWords(sources: Asset['sources']): string {
  const names = [...new Set(sources.map(({ filename }) => `“${shownName(filename)}”`))];
  if (names.length === 1) return '';
  if (names.length > namesMax) names.splice(namesMax, names.length, 'others');
  return `, as ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
