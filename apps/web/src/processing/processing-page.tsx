import type { Processing } from '../api/processing-api.ts';
import { usePageTitle } from '../app/page-title.ts';
import { formatBytes, plural } from '../format/format.ts';
import { Classes } from './classes.tsx';
import { Durations } from './durations.tsx';
import { Failures } from './failures.tsx';
import { endedOf } from './processing.ts';
import { Running } from './running.tsx';
import { useProcessing } from './use-processing.ts';
import { Waiting } from './waiting.tsx';

/** What the pipeline does now, what waits and why, what failed and why, and how long it all takes. */
export function ProcessingPage() {
  usePageTitle('Processing');
  const { loaded, reload, connection } = useProcessing();
  return (
    <div className="processing">
      <div className="section-head">
        <h1>Processing</h1>
        <p className="live-state" data-open={connection === 'open'}>
          {connection === 'open' ? 'Live' : 'Connecting …'}
        </p>
      </div>
      {loaded.state === 'ready' ? <Overview processing={loaded.value} onChanged={reload} /> : null}
      {loaded.state === 'loading' ? <p className="empty">Loading …</p> : null}
      {loaded.state === 'failed' ? <p className="empty">{loaded.error.message}</p> : null}
    </div>
  );
}

function Overview({ processing, onChanged }: { processing: Processing; onChanged: () => void }) {
  const { classes, running, waiting, failures, durations, ended } = processing;
  return (
    <>
      <Week counts={ended} />
      <Running classes={classes} running={running} onChanged={onChanged} />
      <Waiting steps={waiting} />
      <Failures groups={failures} onChanged={onChanged} />
      <Classes classes={classes} onChanged={onChanged} />
      <Durations items={durations} />
    </>
  );
}

function Week({ counts }: { counts: Processing['ended'] }) {
  const { succeeded, failed, cancelled, bytes } = endedOf(counts);
  return (
    <section aria-labelledby="week-title">
      <h2 id="week-title" className="week-title">
        Last 7 days
      </h2>
      <dl className="week">
        <div>
          <dt>Processed</dt>
          <dd>{succeeded.toLocaleString()}</dd>
          <dd className="quiet">{formatBytes(bytes)}</dd>
        </div>
        <div data-tone={failed > 0 ? 'bad' : undefined}>
          <dt>Failed</dt>
          <dd>{failed.toLocaleString()}</dd>
          <dd className="quiet">{plural(failed, 'run')}</dd>
        </div>
        <div>
          <dt>Cancelled</dt>
          <dd>{cancelled.toLocaleString()}</dd>
          <dd className="quiet">{plural(cancelled, 'run')}</dd>
        </div>
      </dl>
    </section>
  );
}
