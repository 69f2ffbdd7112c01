import { useMemo } from 'react';
import { artifactOf, declaredSeconds, keyframes, mediaKind, processingOf, quickLook, stepOf } from './asset-view.ts';
import { filmOf } from './film.ts';
import { sourceOf } from './media-source.ts';
import type { Playback } from './playback.ts';
import { Player } from './player.tsx';
import { Timeline } from './timeline.tsx';
import { TranscriptPanel } from './transcript-panel.tsx';
import { transcriptWait } from './transcript-wait.ts';
import type { AssetView } from './use-asset.ts';
import { useTranscriptSearch } from './use-transcript-search.ts';

interface MediaDeskProps {
  view: AssetView;
  playback: Playback;
  onUnplayable: () => void;
  unplayable: boolean;
}

/** The player with its timeline, and the transcript beside it. */
export function MediaDesk({ view, playback, unplayable, onUnplayable }: MediaDeskProps) {
  const { asset, runs, artifacts, analytic, waveform, storyboard, transcript, screenText } = view;
  const kind = mediaKind(asset);
  const search = useTranscriptSearch(transcript);
  const film = useFilm(view);
  const found = useMemo(
    () => search.found.map((sentence) => transcript?.sentences[sentence]?.start ?? 0),
    [search.found, transcript],
  );
  const source = sourceOf(asset, runs, artifacts);
  const captions = artifactOf(artifacts, 'transcript.vtt');
  const hasPicture = analytic === null ? kind === 'video' : analytic.shots.length > 0;
  const media = kind === 'video' || kind === 'audio';
  const processed =
    media && (stepOf(runs, 'probe') !== null || [analytic, waveform, storyboard, screenText].some(Boolean));
  return (
    <div className="asset-desk" data-beside={media && (transcript !== null || stepOf(runs, 'transcribe') !== null)}>
      <div className="asset-stage">
        <Player
          asset={asset}
          source={source}
          posterUrl={quickLook(runs, artifacts).posterUrl ?? keyframes(artifacts)[0]?.url ?? null}
          hasPicture={hasPicture}
          captions={captions === null ? null : { url: captions.url, language: transcript?.language ?? null }}
          processing={processingOf(runs)}
          playback={playback}
          unplayable={unplayable}
          onUnplayable={onUnplayable}
        />
        {processed && !unplayable ? (
          <Timeline film={film} playback={playback} found={found} hasPicture={hasPicture} />
        ) : null}
        {source.insteadOfOriginal === null ? null : (
          <p className="asset-instead">
            Plays a version made for browsers. {source.insteadOfOriginal} The original is among the files below.
          </p>
        )}
      </div>
      {media && (transcript !== null || stepOf(runs, 'transcribe') !== null) ? (
        <TranscriptPanel
          assetId={asset.id}
          transcript={transcript}
          wait={transcriptWait(runs)}
          playback={playback}
          search={search}
        />
      ) : null}
    </div>
  );
}

/** Keeps its identity while what it is made of does, so that the timeline is not drawn anew with every step that ends. */
function useFilm({ runs, artifacts, analytic, waveform, storyboard, transcript, screenText }: AssetView) {
  const seconds = declaredSeconds(runs);
  const { pictures } = quickLook(runs, artifacts);
  const pictureKey = [...pictures, ...keyframes(artifacts)].map(({ url }) => url).join(' ');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the pictures.
  return useMemo(
    () =>
      filmOf({
        declaredSeconds: seconds,
        analytic,
        quickPictures: pictures,
        pictureUrls: new Map(keyframes(artifacts).map(({ name, url }) => [name, url])),
        waveform,
        storyboard,
        transcript,
        screenText,
      }),
    [seconds, pictureKey, analytic, waveform, storyboard, transcript, screenText],
  );
}
