import type { Asset } from '@holdfast/protocol';
import { Icon } from '../app/icon.tsx';
import { type MediaKind, mediaKind, type Processing } from './asset-view.ts';
import type { Playback } from './use-playback.ts';

interface PlayerProps {
  asset: Asset;
  posterUrl: string | null;
  hasPicture: boolean;
  processing: Processing;
  playback: Playback;
  unplayable: boolean;
  onUnplayable: () => void;
}

/** The browser's own controls: they know the keyboard, subtitles, picture in picture and every screen reader. */
export function Player(props: PlayerProps) {
  const { asset, posterUrl, playback, onUnplayable } = props;
  const kind = mediaKind(asset);
  if (kind === 'image') return <img className="player player-image" src={asset.contentUrl} alt={asset.filename} />;
  if (kind === 'other' || props.unplayable) return <NoPlayer {...props} kind={kind} />;
  const shared = {
    src: asset.contentUrl,
    controls: true,
    preload: 'metadata',
    'aria-label': asset.filename,
    onTimeUpdate: () => playback.moved(playback.media.current?.currentTime ?? 0),
    onError: onUnplayable,
  };
  const attach = (element: HTMLMediaElement | null) => {
    playback.media.current = element;
  };
  return kind === 'video' && props.hasPicture ? (
    <video className="player" ref={attach} playsInline poster={posterUrl ?? undefined} {...shared} />
  ) : (
    <div className="player player-audio">
      <audio ref={attach} {...shared} />
    </div>
  );
}

function NoPlayer({ asset, posterUrl, processing, kind }: PlayerProps & { kind: MediaKind }) {
  return (
    <div className="player no-player">
      {posterUrl === null ? <Icon name={kind} /> : <img src={posterUrl} alt="" />}
      <div className="no-player-words">
        <p className="no-player-title">
          {kind === 'other'
            ? 'This is not a video or a sound that can be played.'
            : 'This browser cannot play the file.'}
        </p>
        {processing.state === 'failed' ? <p>{processing.reason}</p> : null}
        <p>Every byte is stored and verified.</p>
        <a className="button button-primary" href={`${asset.contentUrl}?download=1`} download={asset.filename}>
          <Icon name="download" />
          Download
        </a>
      </div>
    </div>
  );
}
