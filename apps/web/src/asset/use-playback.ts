import { type RefObject, useCallback, useRef, useState } from 'react';

export interface Playback {
  readonly media: RefObject<HTMLMediaElement | null>;
  readonly seconds: number;
  /** To be called by the player as its time moves. */
  readonly moved: (seconds: number) => void;
  readonly seek: (seconds: number) => void;
}

/** Where the player is, for everything around it. */
export function usePlayback(): Playback {
  const media = useRef<HTMLMediaElement>(null);
  const [seconds, setSeconds] = useState(0);
  const seek = useCallback((to: number) => {
    setSeconds(to);
    // A hair behind the cut: players round down to the frame before it.
    if (media.current !== null) media.current.currentTime = to + 0.001;
  }, []);
  return { media, seconds, moved: setSeconds, seek };
}
