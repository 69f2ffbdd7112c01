import { type KeyboardEvent, memo, type PointerEvent, useEffect, useRef, useState } from 'react';
import { formatTimecode, spokenDuration } from '../format/format.ts';
import { type Film, keyStep, placeAt, shotStep } from './film.ts';
import { type Playback, usePlace } from './playback.ts';
import { TimelinePreview } from './timeline-preview.tsx';
import { Legend, Marks, Strip, Wave } from './timeline-rows.tsx';

interface TimelineProps {
  film: Film;
  playback: Playback;
  /** Seconds of what is looked for. */
  found: readonly number[];
  /** Whether there is a picture: a place is kept for it from the start. */
  hasPicture: boolean;
}

/** The whole film at a glance: shots, sound, what is said and what stands out. It is the slider of the player, too. */
export const Timeline = memo(function Timeline({ film, playback, found, hasPicture }: TimelineProps) {
  const { durationSeconds } = film;
  const [pointed, setPointed] = useState<number | null>(null);
  const track = useRef<HTMLDivElement>(null);
  const scrub = useScrub(film, playback, setPointed);
  useMovingHead(track, playback, durationSeconds);
  const whole = usePlace(playback, Math.floor);
  const known = durationSeconds > 0;
  return (
    <div className="timeline" data-picture={hasPicture} data-known={known}>
      {pointed !== null && known ? <TimelinePreview film={film} seconds={pointed} /> : null}
      <div
        className="timeline-track"
        ref={track}
        role="slider"
        tabIndex={known ? 0 : -1}
        aria-label="Timeline"
        aria-disabled={!known}
        aria-valuemin={0}
        aria-valuemax={Math.floor(durationSeconds)}
        aria-valuenow={Math.min(whole, Math.floor(durationSeconds))}
        aria-valuetext={spokenPlace(film, whole)}
        {...(known ? scrub : {})}
      >
        {hasPicture ? <Strip film={film} /> : null}
        <Wave film={film} />
        <Marks film={film} found={found} />
        <div className="timeline-veil" aria-hidden="true" />
        <div className="timeline-head" aria-hidden="true" />
      </div>
      <Legend film={film} found={found.length > 0} />
    </div>
  );
});

function spokenPlace(film: Film, seconds: number): string {
  const { facts, said } = placeAt(film, seconds);
  const parts = [`${spokenDuration(seconds)} of ${spokenDuration(film.durationSeconds)}`, ...facts, said];
  return parts.filter((part) => part !== null).join(', ');
}

/** Pointer and keyboard, and what they point at. */
function useScrub(film: Film, playback: Playback, point: (seconds: number | null) => void) {
  const { durationSeconds } = film;
  const held = useRef(false);
  const secondsAt = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * durationSeconds;
  };
  return {
    onPointerDown: (event: PointerEvent<HTMLDivElement>) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      held.current = true;
      playback.seek(secondsAt(event));
    },
    onPointerMove: (event: PointerEvent<HTMLDivElement>) => {
      const seconds = secondsAt(event);
      point(seconds);
      if (held.current) playback.seek(seconds);
    },
    onPointerUp: () => {
      held.current = false;
    },
    onPointerCancel: () => {
      held.current = false;
      point(null);
    },
    onPointerLeave: () => point(null),
    onBlur: () => point(null),
    onKeyDown: (event: KeyboardEvent<HTMLDivElement>) => {
      const to = keyPlace(event.key, film, playback.now());
      if (to === null || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const seconds = Math.min(durationSeconds, Math.max(0, to));
      playback.seek(seconds);
      point(seconds);
    },
  };
}

function keyPlace(key: string, film: Film, now: number): number | null {
  const step = keyStep(film.durationSeconds);
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return now + step;
    case 'ArrowLeft':
    case 'ArrowDown':
      return now - step;
    case 'PageUp':
      return shotStep(film, now, 1);
    case 'PageDown':
      return shotStep(film, now, -1);
    case 'Home':
      return 0;
    case 'End':
      return film.durationSeconds;
    default:
      return null;
  }
}

/** Moves the head without drawing anything anew: with every frame while playing, else when the place changes. */
function useMovingHead(track: { readonly current: HTMLElement | null }, playback: Playback, durationSeconds: number) {
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = 0;
      const at = durationSeconds > 0 ? Math.min(1, playback.now() / durationSeconds) : 0;
      track.current?.style.setProperty('--at', at.toFixed(5));
      if (playback.playing()) wake();
    };
    const wake = () => {
      if (frame === 0) frame = requestAnimationFrame(draw);
    };
    wake();
    const stop = playback.subscribe(wake);
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [track, playback, durationSeconds]);
}

/** For the time beside the film. */
export function PlaceWords({ film, playback }: { film: Film; playback: Playback }) {
  const now = usePlace(playback, Math.floor);
  return (
    <span className="timeline-time">
      {formatTimecode(now)} / {formatTimecode(film.durationSeconds)}
    </span>
  );
}
