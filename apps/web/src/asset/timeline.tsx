import type { CSSProperties, MouseEvent } from 'react';
import { plural, spokenDuration } from '../format/format.ts';
import { type Analytic, type Passage, peaks } from './analytic.ts';
import { SoundPicture } from './sound-picture.tsx';

interface TimelineProps {
  analytic: Analytic;
  seconds: number;
  onSeek: (seconds: number) => void;
}

const barsMax = 240;

/**
 * The whole film at a glance: each shot in its colour and as wide as it is long, the loudness below. It can be clicked; with the
 * keyboard the same is done by the player and by the shots below, so it is one picture to a screen reader.
 */
export function Timeline({ analytic, seconds, onSeek }: TimelineProps) {
  const { durationSeconds, shots, loudness, passages } = analytic;
  const share = (part: number) => `${((100 * part) / durationSeconds).toFixed(3)}%`;
  const seek = (event: MouseEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const fraction = (event.clientX - box.left) / box.width;
    onSeek(Math.min(1, Math.max(0, fraction)) * durationSeconds);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the keyboard has the player's own slider and the shots' buttons.
    <div className="timeline" data-picture={shots.length > 0} onClick={seek}>
      <div className="timeline-picture" role="img" aria-label={spokenTimeline(analytic)}>
        {shots.length === 0 ? null : (
          <div className="timeline-shots">
            {shots.map((shot) => (
              <div
                key={shot.number}
                className="timeline-shot"
                style={{ left: share(shot.start), width: share(shot.end - shot.start), ...colour(shot.colour) }}
              />
            ))}
          </div>
        )}
        {loudness.length === 0 ? null : <Sound loudness={loudness} alone={shots.length === 0} />}
        {passages.map((passage) => (
          <div
            key={`${passage.kind} ${passage.start}`}
            className="timeline-passage"
            data-kind={passage.kind}
            title={passageWords(passage)}
            style={{ left: share(passage.start), width: share(passage.end - passage.start) }}
          />
        ))}
        <div className="timeline-head" style={{ left: share(Math.min(seconds, durationSeconds)) }} />
      </div>
    </div>
  );
}

function Sound({ loudness, alone }: { loudness: readonly number[]; alone: boolean }) {
  if (alone) return <SoundPicture loudness={loudness} barsMax={barsMax / 2} />;
  const bars = peaks(loudness, barsMax);
  return (
    <svg className="timeline-sound" viewBox={`0 0 ${bars.length} 100`} preserveAspectRatio="none" aria-hidden="true">
      <path d={loudnessPath(bars)} />
    </svg>
  );
}

/** A filled hill: the middle of each step is as high as the step is loud. */
function loudnessPath(bars: readonly number[]): string {
  const points = bars.map((value, i) => `L${i + 0.5} ${(100 - 96 * value).toFixed(1)}`);
  const [first, last] = [bars[0] ?? 0, bars.at(-1) ?? 0];
  // One step alone is drawn as wide as the picture.
  return `M0 100L0 ${100 - 96 * first}${points.join('')}L${bars.length} ${100 - 96 * last}V100Z`;
}

function colour(hex: string | null): CSSProperties {
  return hex === null ? {} : { backgroundColor: hex };
}

function passageWords({ kind, start, end }: Passage): string {
  const words = { silent: 'Silent', black: 'Black picture', frozen: 'Picture stands still' }[kind];
  return `${words} for ${spokenDuration(end - start)}`;
}

function spokenTimeline({ durationSeconds, shots, passages, loudness }: Analytic): string {
  const parts = [`Timeline of ${spokenDuration(durationSeconds)}`];
  if (shots.length > 0) parts.push(plural(shots.length, 'shot'));
  if (loudness.length > 0) parts.push('a curve of the loudness');
  if (passages.length > 0) parts.push(plural(passages.length, 'passage that stands out', 'passages that stand out'));
  return parts.join(', ');
}
