/** What people said about a recording when they gave it to us, as steps take it: from the metadata of its upload or its watched folder. Pure. */
import type { AssetOrigin } from '../core/asset.ts';

const speakersMax = 50;

/**
 * How many people speak, by the metadata key `speakers`: a whole number from 1 to 50; anything else says nothing. Of several origins, newest
 * first, the first that says it. Null when none does.
 */
export function speakersSaid(origins: readonly AssetOrigin[]): number | null {
  for (const { metadata } of origins) {
    const said = metadata['speakers']?.trim() ?? '';
    if (!/^\d{1,2}$/.test(said)) continue;
    const speakers = Number(said);
    if (speakers >= 1 && speakers <= speakersMax) return speakers;
  }
  return null;
}
