import { useEffect } from 'react';
import type { Processing } from '../api/processing-api.ts';
import { useServices } from '../app/services.tsx';
import type { Connection } from '../events/event-stream.ts';
import { useEventStream } from '../events/use-event-stream.ts';
import { type Loaded, setTimer, useResource } from '../state/resource.ts';

// Events tell of one's own runs; those of others, and how far steps are, are asked for while somebody looks.
const everyMs = 2_000;

/** What the pipeline does, live. */
export function useProcessing(): { loaded: Loaded<Processing>; reload: () => void; connection: Connection } {
  const { api } = useServices();
  const [loaded, reload] = useResource('processing', () => api.processing.overview());
  const connection = useEventStream((event) => {
    if (event.subject === 'run') reload();
  });
  useEffect(() => {
    let cancel = () => {};
    const next = () => {
      cancel = setTimer(() => {
        if (document.visibilityState === 'visible') reload();
        next();
      }, everyMs);
    };
    next();
    return () => cancel();
  }, [reload]);
  return { loaded, reload, connection };
}
