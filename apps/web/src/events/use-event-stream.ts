import type { LogEvent } from '@holdfast/protocol';
import { useEffect, useEffectEvent } from 'react';
import { useServices } from '../app/services.tsx';
import { useWatchable } from '../state/store.ts';
import type { Connection } from './event-stream.ts';

/** Calls `onEvent` with each event while the component is there, and tells whether the stream is up. */
export function useEventStream(onEvent?: (event: LogEvent) => void): Connection {
  const { events } = useServices();
  const deliver = useEffectEvent((event: LogEvent) => onEvent?.(event));
  useEffect(() => {
    const stopListening = events.listen(deliver);
    const stopUsing = events.use();
    return () => {
      stopListening();
      stopUsing();
    };
  }, [events]);
  return useWatchable(events.connection);
}
