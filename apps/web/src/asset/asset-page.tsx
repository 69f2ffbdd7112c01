import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { usePageTitle } from '../app/page-title.ts';
import { useEventStream } from '../events/use-event-stream.ts';
import { formatPercent } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { outputText, processingOf } from './asset-view.ts';
import { DeleteAsset } from './delete-asset.tsx';
import { Downloads } from './downloads.tsx';
import { Facts } from './facts.tsx';
import { MediaDesk } from './media-desk.tsx';
import { Pictures } from './pictures.tsx';
import { createPlayback } from './playback.ts';
import { Runs } from './runs.tsx';
import { ScreenTexts } from './screen-texts.tsx';
import { Sources } from './sources.tsx';
import { type AssetView, useAsset } from './use-asset.ts';

interface AssetPageProps {
  id: string;
  /** Seconds at which to start; null for the beginning. */
  at: number | null;
}

export function AssetPage({ id, at }: AssetPageProps) {
  const [loaded, reload] = useAsset(id);
  switch (loaded.state) {
    case 'loading':
      return <div className="asset-ghost" aria-hidden="true" />;
    case 'failed':
      return <Unavailable gone={loaded.error.kind === 'not-found'} message={loaded.error.message} />;
    case 'ready':
      return <LoadedAsset view={loaded.value} at={at} reload={reload} />;
  }
}

function Unavailable({ gone, message }: { gone: boolean; message: string }) {
  usePageTitle('Not available');
  return (
    <section className="message-page">
      <h1>{gone ? 'This file is not here (any more)' : 'This file cannot be shown now'}</h1>
      <p className="quiet">{gone ? 'It was deleted, or never was among your files.' : message}</p>
      <Link to={{ page: 'home' }} className="button button-primary">
        Go to the library
      </Link>
    </section>
  );
}

/** The name, and what it is in a sentence. Where that is still to come its place is kept, also when it is shorter in the end: nothing may move. */
function AssetHead({ view: { asset, runs } }: { view: AssetView }) {
  const logline = outputText(runs, 'logline');
  const processing = processingOf(runs);
  const running = processing.state === 'running';
  const [seenRunning, setSeenRunning] = useState(running);
  if (running && !seenRunning) setSeenRunning(true);
  if (logline !== null)
    return (
      <header className="asset-head" data-kept={seenRunning}>
        <p className="asset-name">
          <FileName name={asset.filename} />
        </p>
        <h1 className="logline" title={logline}>
          {logline}
        </h1>
      </header>
    );
  return (
    <header className="asset-head" data-kept={running}>
      <h1>
        <FileName name={asset.filename} />
      </h1>
      {running ? (
        <p className="quiet">
          {processing.step} · {formatPercent(processing.fraction)}
        </p>
      ) : null}
    </header>
  );
}

/** Players do not tell a file that they cannot play from one that they could not read because the server was away. */
function useServerBack(onBack: () => void): void {
  const connection = useEventStream();
  const away = useRef(false);
  const back = useEffectEvent(onBack);
  useEffect(() => {
    if (connection === 'open' && away.current) back();
    if (connection === 'open' || connection === 'lost') away.current = connection === 'lost';
  }, [connection]);
}

function LoadedAsset({ view, at, reload }: { view: AssetView; at: number | null; reload: () => void }) {
  const { asset, runs, artifacts, analytic, summary, screenText } = view;
  const [playback] = useState(() => createPlayback(at ?? 0));
  const [brokenIn, setBrokenIn] = useState<string | null>(null);
  // Another file to play may do better than the one that failed.
  const playable = artifacts.some(({ step }) => step === 'web_rendition') ? 'rendition' : 'original';
  const unplayable = brokenIn === playable;
  useServerBack(() => setBrokenIn(null));
  const onSeek = unplayable ? null : playback.seek;
  usePageTitle(asset.filename);
  useEffect(() => {
    if (at !== null) playback.seek(at);
  }, [at, playback]);
  return (
    <article className="asset">
      <Link to={{ page: 'home' }} className="back">
        <Icon name="back" />
        Library
      </Link>
      <AssetHead view={view} />
      <MediaDesk view={view} playback={playback} unplayable={unplayable} onUnplayable={() => setBrokenIn(playable)} />
      {analytic === null || analytic.warnings.length === 0 ? null : (
        <ul className="warnings">
          {analytic.warnings.map((warning) => (
            <li key={warning}>
              <Icon name="failed" />
              {warning}
            </li>
          ))}
        </ul>
      )}
      <Pictures view={view} playback={playback} onSeek={onSeek} />
      {summary === null ? null : (
        <section className="section asset-summary" aria-labelledby="summary-title">
          <h2 id="summary-title">Summary</h2>
          <p>{summary.text}</p>
        </section>
      )}
      {screenText === null || screenText.length === 0 ? null : (
        <ScreenTexts assetId={asset.id} texts={screenText} onSeek={onSeek} />
      )}
      <Facts asset={asset} analytic={analytic} />
      <Runs runs={runs} onChanged={reload} />
      <Sources asset={asset} />
      <Downloads asset={asset} artifacts={artifacts} />
      <DeleteAsset asset={asset} />
    </article>
  );
}
