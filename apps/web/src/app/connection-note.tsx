import { useEffect, useRef, useState } from 'react';
import type { Connection } from '../events/event-stream.ts';
import { setTimer } from '../state/resource.ts';
import { useServices } from './services.tsx';

// A server that restarts is back within this time: nothing that people have to read about.
const graceMs = 1_500;

/** Calm and in one place: nothing is lost, nothing has to be done. */
export function ConnectionNote({ connection }: { connection: Connection }) {
  const { announcer } = useServices();
  const [away, setAway] = useState(false);
  const told = useRef(false);
  useEffect(() => {
    if (connection === 'open') setAway(false);
    return connection === 'lost' ? setTimer(() => setAway(true), graceMs) : undefined;
  }, [connection]);
  useEffect(() => {
    if (away !== told.current) announcer.say(away ? 'Server not reachable.' : 'Server reachable again.');
    told.current = away;
  }, [away, announcer]);
  if (!away) return null;
  return (
    <p className="connection-note">
      <span className="pulse" aria-hidden="true" />
      Server not reachable — going on by itself as soon as it answers.
    </p>
  );
}
