import { memo } from 'react';
import { formatTimecode } from '../format/format.ts';
import { shotAt } from './analytic.ts';
import { keyframes, type QuickPicture, quickLook } from './asset-view.ts';
import { type Playback, usePlace } from './playback.ts';
import { ShotGrid } from './shot-grid.tsx';
import type { AssetView } from './use-asset.ts';

interface PicturesProps {
  view: AssetView;
  playback: Playback;
  onSeek: ((seconds: number) => void) | null;
}

/** The shots; until they are known, the pictures that are there first. */
export function Pictures({ view, playback, onSeek }: PicturesProps) {
  const { runs, artifacts, analytic, summary } = view;
  const shots = analytic?.shots ?? [];
  // Before the player is touched the first shot is on: nothing is marked twice a second while it plays, only when the shot changes.
  const current = usePlace(playback, (seconds) => shotAt(shots, seconds));
  if (shots.length > 0)
    return (
      <ShotGrid
        shots={shots}
        pictureUrls={new Map(keyframes(artifacts).map(({ name, url }) => [name, url]))}
        traits={summary?.shotTraits ?? new Map()}
        current={current}
        onSeek={onSeek}
      />
    );
  const { pictures } = quickLook(runs, artifacts);
  return analytic === null && pictures.length > 0 ? <QuickPictures pictures={pictures} onSeek={onSeek} /> : null;
}

const QuickPictures = memo(function QuickPictures({
  pictures,
  onSeek,
}: {
  pictures: readonly QuickPicture[];
  onSeek: PicturesProps['onSeek'];
}) {
  return (
    <section className="section" aria-labelledby="shots-title">
      <div className="section-head">
        <h2 id="shots-title">First pictures</h2>
        <p className="quiet">The shots follow when the whole film was looked at.</p>
      </div>
      <ol className="shots">
        {pictures.map(({ time, url }) => (
          <li key={time}>
            <button type="button" className="shot" aria-disabled={onSeek === null} onClick={() => onSeek?.(time)}>
              <span className="shot-picture">
                <img src={url} alt="" decoding="async" />
              </span>
              <span className="shot-times">
                <span>
                  <span className="visually-hidden">Picture at </span>
                  {formatTimecode(time)}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
});
