import type { LogEvent } from '@holdfast/protocol';
import { useState } from 'react';
import { usePageTitle } from '../app/page-title.ts';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { Link } from '../routing/navigation.tsx';
import { type Loaded, useResource } from '../state/resource.ts';
import { useNow } from '../uploads/use-uploads.ts';
import { eventAsset, eventTime, eventTone, eventWords, mergeEvents } from './activity.ts';

const historyCount = 200;

export function ActivityPage() {
  usePageTitle('Activity');
  const { api } = useServices();
  const [history] = useResource('history', () => api.recentEvents(historyCount));
  const [live, setLive] = useState<readonly LogEvent[]>([]);
  const connection = useEventStream((event) => setLive((events) => mergeEvents(events, [event])));
  const now = useNow(60_000);
  const events = mergeEvents(history.state === 'ready' ? history.value : [], live);
  return (
    <section className="section activity" aria-labelledby="activity-title">
      <div className="section-head">
        <h1 id="activity-title">Activity</h1>
        <p className="live-state" data-open={connection === 'open'}>
          {connection === 'open' ? 'Live' : 'Connecting …'}
        </p>
      </div>
      {events.length === 0 ? (
        <p className="empty">{emptyWords(history)}</p>
      ) : (
        <ol className="log panel">
          {events.map((event) => (
            <LogLine key={event.id} event={event} now={now} />
          ))}
        </ol>
      )}
    </section>
  );
}

function emptyWords(history: Loaded<readonly LogEvent[]>): string {
  switch (history.state) {
    case 'loading':
      return 'Loading …';
    case 'failed':
      return history.error.message;
    case 'ready':
      return 'Nothing has happened yet.';
  }
}

function LogLine({ event, now }: { event: LogEvent; now: number }) {
  const asset = eventAsset(event);
  return (
    <li className="log-line" data-tone={eventTone(event.type)}>
      <time dateTime={event.at} title={new Date(event.at).toLocaleString()}>
        {eventTime(event.at, now)}
      </time>
      <span className="log-type">{eventWords(event.type)}</span>
      <span className="log-message">
        {event.message}
        {asset === null ? null : (
          <>
            {' '}
            <Link to={{ page: 'asset', id: asset }}>
              Open<span className="visually-hidden"> the asset</span>
            </Link>
          </>
        )}
      </span>
      <span className="log-subject" title={event.subjectId}>
        {event.subject} {event.subjectId.slice(0, 8)}
      </span>
    </li>
  );
}
