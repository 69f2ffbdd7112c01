import { useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { usePageTitle } from '../app/page-title.ts';
import { Link } from '../routing/navigation.tsx';
import { shotAt } from './analytic.ts';
import { keyframes, mediaKind, outputText, processingOf } from './asset-view.ts';
import { Downloads } from './downloads.tsx';
import { Facts } from './facts.tsx';
import { Player } from './player.tsx';
import { Runs } from './runs.tsx';
import { ShotGrid } from './shot-grid.tsx';
import { Timeline } from './timeline.tsx';
import { type AssetView, useAsset } from './use-asset.ts';
import { usePlayback } from './use-playback.ts';

export function AssetPage({ id }: { id: string }) {
  const [loaded, reload] = useAsset(id);
  switch (loaded.state) {
    case 'loading':
      return <div className="asset-ghost" aria-hidden="true" />;
    case 'failed':
      return <Unavailable gone={loaded.error.kind === 'not-found'} message={loaded.error.message} />;
    case 'ready':
      return <LoadedAsset view={loaded.value} reload={reload} />;
  }
}

function Unavailable({ gone, message }: { gone: boolean; message: string }) {
  usePageTitle('Not available');
  return (
    <section className="message-page">
      <h1>{gone ? 'This file is not here' : 'This file cannot be shown now'}</h1>
      <p className="quiet">{message}</p>
      <Link to={{ page: 'home' }} className="button button-primary">
        Go to the library
      </Link>
    </section>
  );
}

function LoadedAsset({ view, reload }: { view: AssetView; reload: () => void }) {
  const { asset, runs, artifacts, analytic, summary } = view;
  const logline = outputText(runs, 'logline');
  const playback = usePlayback();
  const [unplayable, setUnplayable] = useState(false);
  const pictures = keyframes(artifacts);
  const pictureUrls = new Map(pictures.map((artifact) => [artifact.name, artifact.url]));
  const shots = analytic?.shots ?? [];
  const current = shotAt(shots, playback.seconds);
  usePageTitle(asset.filename);
  return (
    <article className="asset">
      <Link to={{ page: 'home' }} className="back">
        <Icon name="back" />
        Library
      </Link>
      <header className="asset-head">
        {logline === null ? null : <p className="asset-name">{asset.filename}</p>}
        <h1 className={logline === null ? undefined : 'logline'}>{logline ?? asset.filename}</h1>
      </header>
      <div className="asset-stage">
        <Player
          asset={asset}
          posterUrl={pictures[0]?.url ?? null}
          hasPicture={analytic === null ? mediaKind(asset) === 'video' : shots.length > 0}
          processing={processingOf(runs)}
          playback={playback}
          unplayable={unplayable}
          onUnplayable={() => setUnplayable(true)}
        />
        {analytic === null || analytic.durationSeconds === 0 ? null : (
          <Timeline analytic={analytic} seconds={playback.seconds} onSeek={playback.seek} />
        )}
      </div>
      <Facts asset={asset} analytic={analytic} />
      {shots.length === 0 ? null : (
        <ShotGrid
          shots={shots}
          pictureUrls={pictureUrls}
          traits={summary?.shotTraits ?? new Map()}
          current={current}
          onSeek={unplayable ? null : playback.seek}
        />
      )}
      {summary === null ? null : (
        <section className="section asset-summary" aria-labelledby="summary-title">
          <h2 id="summary-title">Summary</h2>
          <p>{summary.text}</p>
        </section>
      )}
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
      <Runs runs={runs} onChanged={reload} />
      <Downloads asset={asset} artifacts={artifacts} />
    </article>
  );
}
