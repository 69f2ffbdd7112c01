import { type Asset, shownName } from '@holdfast/protocol';
import { Icon } from '../app/icon.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { formatPercent } from '../format/format.ts';
import { type MediaKind, mediaKind, type Processing } from './asset-view.ts';
import type { Source } from './media-source.ts';
import type { Playback } from './playback.ts';

interface PlayerProps {
  asset: Asset;
  source: Source;
  posterUrl: string | null;
  hasPicture: boolean;
  captions: { readonly url: string; readonly language: string | null } | null;
  processing: Processing;
  playback: Playback;
  unplayable: boolean;
  onUnplayable: () => void;
}

/** The browser's own controls: they know the keyboard, subtitles, picture in picture and every screen reader. */
export function Player(props: PlayerProps) {
  const { asset, source, posterUrl, playback, captions, onUnplayable } = props;
  const kind = mediaKind(asset);
  if (kind === 'image')
    return <img className="player player-image" src={asset.contentUrl} alt={shownName(asset.filename)} />;
  if (kind === 'other' || props.unplayable) return <NoPlayer {...props} kind={kind} />;
  const shared = {
    src: source.url,
    controls: true,
    preload: 'metadata',
    'aria-label': shownName(asset.filename),
    onError: onUnplayable,
    children:
      captions === null ? null : (
        <track kind="captions" src={captions.url} srcLang={captions.language ?? 'und'} label="Machine transcript" />
      ),
  };
  return kind === 'video' && props.hasPicture ? (
    <video
      className="player"
      key={source.url}
      ref={playback.attach}
      playsInline
      poster={posterUrl ?? undefined}
      {...shared}
    />
  ) : (
    <div className="player player-audio">
      <audio key={source.url} ref={playback.attach} {...shared} />
    </div>
  );
}

function NoPlayer({ asset, source, posterUrl, processing, kind }: PlayerProps & { kind: MediaKind }) {
  const away = useEventStream() === 'lost';
  return (
    <div className="player no-player" data-kind={kind}>
      {posterUrl === null ? <Icon name={kind} /> : <img src={posterUrl} alt="" />}
      <div className="no-player-words">
        <p className="no-player-title">
          {kind === 'other'
            ? 'This is not a video or a sound that can be played.'
            : away
              ? 'The file cannot be read while the server is away.'
              : 'This browser cannot play the file.'}
        </p>
        {source.making === null ? null : (
          <p>A version that browsers play is being made: {formatPercent(source.making)}. It starts here by itself.</p>
        )}
        {processing.state === 'failed' ? <p>{processing.reason}</p> : null}
        <p>Every byte is stored and verified.</p>
        <a
          className="button button-primary"
          href={`${asset.contentUrl}?download=1`}
          download={shownName(asset.filename)}
        >
          <Icon name="download" />
          Download
        </a>
      </div>
    </div>
  );
}
