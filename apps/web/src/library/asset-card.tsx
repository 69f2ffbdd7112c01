import type { Asset } from '@holdfast/protocol';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { mediaKind, type Processing } from '../asset/asset-view.ts';
import { SoundPicture } from '../asset/sound-picture.tsx';
import { formatAgo, formatBytes, formatPercent, formatTimecode, spokenDuration } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { type CardDetails, useCard } from './use-card.ts';

const barsMax = 48;

export function AssetCard({ asset, now }: { asset: Asset; now: number }) {
  const { ref, details } = useCard(asset);
  const duration = details?.durationSeconds ?? null;
  return (
    <li className="card" ref={ref}>
      <div className="card-picture">
        <CardPicture asset={asset} details={details} />
        {duration === null ? null : (
          <span className="card-duration">
            <span aria-hidden="true">{formatTimecode(duration)}</span>
            <span className="visually-hidden">{spokenDuration(duration)} long</span>
          </span>
        )}
      </div>
      <h3 className="card-name">
        <Link to={{ page: 'asset', id: asset.id }}>
          <FileName name={asset.filename} />
        </Link>
      </h3>
      <p className="card-logline">
        {details?.logline ?? <ProcessingWords asset={asset} processing={details?.processing ?? null} />}
      </p>
      <p className="card-meta">
        {formatBytes(asset.size)} · {formatAgo(asset.createdAt, now)}
      </p>
      {details?.processing.state === 'running' ? <CardProgress processing={details.processing} /> : null}
    </li>
  );
}

function CardPicture({ asset, details }: { asset: Asset; details: CardDetails | null }) {
  if (details?.pictureUrl) return <img src={details.pictureUrl} alt="" loading="lazy" decoding="async" />;
  if (details === null || details.loudness.length === 0) return <Icon name={mediaKind(asset)} />;
  return <SoundPicture loudness={details.loudness} barsMax={barsMax} />;
}

function ProcessingWords({ asset, processing }: { asset: Asset; processing: Processing | null }) {
  switch (processing?.state) {
    case undefined:
      return null;
    case 'running':
      return 'Being processed.';
    case 'failed':
      // That a document is not a film is no failure to anybody.
      if (mediaKind(asset) === 'other') return 'Stored as it is: not a video or sound that can be read.';
      return (
        <span className="failed-words">
          <Icon name="failed" />
          Stored, but it could not be processed: {processing.reason}
        </span>
      );
    case 'skipped':
      return `Stored, not processed: ${processing.reason}`;
    case 'none':
      return 'Stored as it is.';
    case 'done':
      return 'Processed.';
  }
}

function CardProgress({ processing }: { processing: Extract<Processing, { state: 'running' }> }) {
  return (
    <div className="card-progress">
      <span className="pulse" aria-hidden="true" />
      {processing.step} · {formatPercent(processing.fraction)}
    </div>
  );
}
