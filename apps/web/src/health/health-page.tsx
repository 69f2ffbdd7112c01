import type { Health, HealthCheckResult, ServerInfo } from '@holdfast/protocol';
import { useEffect } from 'react';
import { Icon } from '../app/icon.tsx';
import { usePageTitle } from '../app/page-title.ts';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { formatBytes } from '../format/format.ts';
import { type Loaded, loadedOf, useResource } from '../state/resource.ts';
import { checkTitle, durabilityWords, statusWords } from './health.ts';
import { WatchedFolders } from './watched-folders.tsx';

const lookMs = 5_000;

export function HealthPage() {
  usePageTitle('Health');
  const { api } = useServices();
  // That nobody answers is a finding, too: what was well a moment ago must not stay on the screen.
  const [looked, lookAgain] = useResource('health', () => loadedOf(api.health()));
  const health = looked.state === 'ready' ? looked.value : looked;
  const [server] = useResource('server', api.server);
  const connection = useEventStream();
  useEffect(() => {
    // Sooner than that when the server goes or comes.
    if (connection === 'lost' || connection === 'open') lookAgain();
    const timer = setInterval(lookAgain, lookMs);
    return () => clearInterval(timer);
  }, [connection, lookAgain]);
  return (
    <section className="section" aria-labelledby="health-title">
      <div className="section-head">
        <h1 id="health-title">Health</h1>
        {health.state === 'ready' ? <p className="health-version">Holdfast {health.value.version}</p> : null}
      </div>
      <Checks health={health} />
      {server.state === 'ready' ? <Promises server={server.value} /> : null}
      <WatchedFolders />
    </section>
  );
}

function Checks({ health }: { health: Loaded<Health> }) {
  if (health.state === 'loading') return <p className="empty">Asking the server …</p>;
  if (health.state === 'failed') return <p className="empty">{health.error.message}</p>;
  const { status, checks } = health.value;
  return (
    <>
      <p className="health-status" data-status={status} role="status">
        {statusWords(status)}
      </p>
      <ul className="checks panel">
        {checks.map((check) => (
          <Check key={check.name} check={check} />
        ))}
      </ul>
    </>
  );
}

function Check({ check }: { check: HealthCheckResult }) {
  const well = check.status === 'ok';
  return (
    <li className="check" data-status={check.status}>
      <Icon name={well ? 'done' : 'failed'} />
      <span className="check-name">
        {checkTitle(check.name)}
        <span className="visually-hidden">{well ? ' is well' : ' fails'}</span>
      </span>
      <span className="check-detail">{check.detail}</span>
      <span className="check-need">{check.required ? 'needed' : 'optional'}</span>
    </li>
  );
}

function Promises({ server }: { server: ServerInfo }) {
  const { limits, durability } = server;
  return (
    <dl className="promises panel">
      <div>
        <dt>An acknowledged chunk</dt>
        <dd>{durabilityWords(durability)}</dd>
      </div>
      <div>
        <dt>Largest file</dt>
        <dd>{formatBytes(limits.fileBytesMax)}</dd>
      </div>
      <div>
        <dt>Chunks</dt>
        <dd>
          {formatBytes(limits.chunkBytesMin)} to {formatBytes(limits.chunkBytesMax)}
        </dd>
      </div>
      <div>
        <dt>Unfinished uploads of one sender</dt>
        <dd>{limits.liveUploadsMax.toLocaleString()} at most</dd>
      </div>
    </dl>
  );
}
