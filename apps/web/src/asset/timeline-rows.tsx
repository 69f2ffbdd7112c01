/** What the timeline is made of. Nothing here depends on where the player is, so playing draws none of it anew. */
import { memo, useMemo } from 'react';
import { peaks } from './analytic.ts';
import { type Film, type Lane, lanePath, laneRows, laneWidth, type StripPart } from './film.ts';
import { type Waveform, waveformPath } from './waveform.ts';

// Parts that are narrower show their colour: a picture of some pixels says nothing and costs a request.
const pictureShareMin = 0.02;
const waveSteps = 900;

export const Strip = memo(function Strip({ film }: { film: Film }) {
  const { strip, transitions, durationSeconds } = film;
  return (
    <div className="timeline-strip" aria-hidden="true">
      {strip.map((part) => (
        <StripPicture key={part.start} part={part} durationSeconds={durationSeconds} />
      ))}
      {transitions.map(({ kind, start, end }) => (
        <div key={start} className="timeline-transition" data-kind={kind} style={placed(start, end, durationSeconds)} />
      ))}
    </div>
  );
});

function StripPicture({ part, durationSeconds }: { part: StripPart; durationSeconds: number }) {
  const { start, end, colour, pictureUrl } = part;
  const wide = (end - start) / durationSeconds >= pictureShareMin;
  return (
    <div
      className="timeline-shot"
      style={{ ...placed(start, end, durationSeconds), ...(colour === null ? {} : { backgroundColor: colour }) }}
    >
      {wide && pictureUrl !== null ? <img src={pictureUrl} alt="" decoding="async" draggable={false} /> : null}
    </div>
  );
}

function placed(start: number, end: number, durationSeconds: number) {
  const share = (part: number) => `${((100 * part) / durationSeconds).toFixed(3)}%`;
  return { left: share(start), width: share(end - start) };
}

export const Wave = memo(function Wave({ film: { waveform, loudness, durationSeconds } }: { film: Film }) {
  const shape = useMemo(() => {
    const curve = waveform ?? curveOf(loudness, durationSeconds);
    return curve === null ? null : waveformPath(curve, { count: waveSteps, durationSeconds });
  }, [waveform, loudness, durationSeconds]);
  return (
    <svg
      className="timeline-wave"
      viewBox={`0 -1 ${waveSteps} 2`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {shape === null ? null : <path d={shape} />}
    </svg>
  );
});

/** Where there is no waveform (an analysis of an older version), the loudness stands for it. */
function curveOf(loudness: readonly number[], seconds: number): Waveform | null {
  if (loudness.length === 0) return null;
  return { seconds, points: Float32Array.from(peaks(loudness, waveSteps).flatMap((value) => [-value, value])) };
}

export const Marks = memo(function Marks({ film, found }: { film: Film; found: readonly number[] }) {
  const { lanes, durationSeconds } = film;
  return (
    <>
      <svg
        className="timeline-lanes"
        viewBox={`0 0 ${laneWidth} ${laneRows}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        {durationSeconds > 0
          ? lanes.map((lane) => <path key={lane.words} data-kind={lane.kind} d={lanePath(lane, durationSeconds)} />)
          : null}
      </svg>
      {found.length === 0 ? null : <Found found={found} durationSeconds={durationSeconds} />}
    </>
  );
});

function Found({ found, durationSeconds }: { found: readonly number[]; durationSeconds: number }) {
  const lines = found.map((seconds) => `M${((laneWidth * seconds) / durationSeconds).toFixed(1)} 0V1`);
  return (
    <svg
      className="timeline-found"
      viewBox={`0 0 ${laneWidth} 1`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <path d={lines.join('')} />
    </svg>
  );
}

/** Says what the colours mean; only of what is there. */
export const Legend = memo(function Legend({ film, found }: { film: Film; found: boolean }) {
  const { lanes, transitions } = film;
  const shown: readonly Pick<Lane, 'words' | 'kind'>[] = lanes;
  const kinds = [...new Set(transitions.map(({ kind }) => (kind === 'fade' ? 'Fade' : 'Dissolve')))];
  return (
    <ul className="timeline-legend">
      {shown.map(({ words, kind }) => (
        <li key={words} data-kind={kind}>
          {words}
        </li>
      ))}
      {kinds.map((words) => (
        <li key={words} data-kind="transition">
          {words}
        </li>
      ))}
      {found ? <li data-kind="found">Found</li> : null}
    </ul>
  );
});
