import { useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { formatTimecode, plural } from '../format/format.ts';
import type { Shot } from './analytic.ts';

interface ShotGridProps {
  shots: readonly Shot[];
  pictureUrls: ReadonlyMap<string, string>;
  /** Better words than the shot's own, where a summary has some. */
  traits: ReadonlyMap<number, readonly string[]>;
  current: Shot | null;
  /** Null: there is no player to move. */
  onSeek: ((seconds: number) => void) | null;
}

// A long film has thousands of shots; what follows is one press away.
const shownAtFirst = 48;

export function ShotGrid({ shots, pictureUrls, traits, current, onSeek }: ShotGridProps) {
  const [all, setAll] = useState(false);
  const shown = all ? shots : shots.slice(0, shownAtFirst);
  return (
    <section className="section" aria-labelledby="shots-title">
      <div className="section-head">
        <h2 id="shots-title">{plural(shots.length, 'shot')}</h2>
      </div>
      <ol className="shots">
        {shown.map((shot) => (
          <li key={shot.number}>
            <ShotButton
              shot={shot}
              pictureUrl={shot.keyframe === null ? null : (pictureUrls.get(shot.keyframe) ?? null)}
              words={(traits.get(shot.number) ?? shot.traits).join(', ')}
              current={shot === current && onSeek !== null}
              onSeek={onSeek}
            />
          </li>
        ))}
      </ol>
      {shown.length < shots.length ? (
        <button type="button" className="button load-more" onClick={() => setAll(true)}>
          Show all {plural(shots.length, 'shot')}
        </button>
      ) : null}
    </section>
  );
}

interface ShotButtonProps {
  shot: Shot;
  pictureUrl: string | null;
  words: string;
  current: boolean;
  onSeek: ((seconds: number) => void) | null;
}

function ShotButton({ shot, pictureUrl, words, current, onSeek }: ShotButtonProps) {
  const length = shot.end - shot.start;
  return (
    <button
      type="button"
      className="shot"
      aria-current={current ? 'true' : undefined}
      aria-disabled={onSeek === null}
      title={words}
      onClick={() => onSeek?.(shot.start)}
    >
      <span className="shot-picture" style={shot.colour === null ? {} : { backgroundColor: shot.colour }}>
        {pictureUrl === null ? <Icon name="image" /> : <img src={pictureUrl} alt="" loading="lazy" decoding="async" />}
      </span>
      <span className="shot-times">
        <span>
          <span className="visually-hidden">Shot {shot.number} at </span>
          {formatTimecode(shot.start)}
        </span>{' '}
        <span className="quiet">{length.toFixed(1)} s</span>
        {words === '' ? null : <span className="visually-hidden">, {words}</span>}
      </span>
    </button>
  );
}
