/** Where the player is, as a thing to watch: what follows it takes from it what it needs, and the page around is not drawn anew. */
import { useSyncExternalStore } from 'react';

export interface Playback {
  /** Seconds, as exact as the player knows them. */
  now(): number;
  playing(): boolean;
  /** Also before there is a player: it then starts there. */
  seek(seconds: number): void;
  /** The player that is shown now; null when it goes. */
  attach(media: HTMLMediaElement | null): void;
  /** Called when the place changes: about four times a second while playing. Returns the function that stops it. */
  subscribe(listener: () => void): () => void;
}

const changes = ['timeupdate', 'seeking', 'seeked', 'play', 'pause', 'ended', 'emptied'] as const;

export function createPlayback(startAt: number): Playback {
  const listeners = new Set<() => void>();
  let media: HTMLMediaElement | null = null;
  let seconds = startAt;
  // A place that was asked for before the player knew how long it is.
  let wanted: number | null = startAt > 0 ? startAt : null;
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const place = (to: number) => {
    if (media === null || media.readyState === 0) wanted = to;
    else {
      wanted = null;
      // A hair behind the cut: players round down to the frame before it.
      media.currentTime = to + 0.001;
    }
  };
  const ready = () => {
    if (wanted !== null) place(wanted);
  };
  const moved = () => {
    if (media !== null && wanted === null) seconds = media.currentTime;
    tell();
  };
  return {
    now: () => (media === null || wanted !== null || media.readyState === 0 ? seconds : media.currentTime),
    playing: () => media !== null && !media.paused && !media.ended,
    seek(to) {
      seconds = Math.max(0, to);
      place(seconds);
      tell();
    },
    attach(next) {
      if (media !== null) {
        media.removeEventListener('loadedmetadata', ready);
        for (const type of changes) media.removeEventListener(type, moved);
      }
      media = next;
      if (next === null) return;
      // Another source of the same film goes on where the last one was.
      wanted = seconds > 0 ? seconds : null;
      next.addEventListener('loadedmetadata', ready);
      for (const type of changes) next.addEventListener(type, moved);
      if (next.readyState > 0) ready();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Something that follows from the place; drawn anew only when it changes. `pick` returns a primitive or something that keeps its identity. */
export function usePlace<T>(playback: Playback, pick: (seconds: number) => T): T {
  return useSyncExternalStore(playback.subscribe, () => pick(playback.now()));
}
