import { type KeyboardEvent, useDeferredValue, useId, useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { formatPercent, plural } from '../format/format.ts';
import { ProgressBar } from '../uploads/progress-bar.tsx';
import type { Playback } from './playback.ts';
import type { Transcript } from './transcript.ts';
import { TranscriptAbout } from './transcript-about.tsx';
import { TranscriptBody } from './transcript-body.tsx';
import type { TranscriptWait } from './transcript-wait.ts';
import type { TranscriptSearch } from './use-transcript-search.ts';

interface TranscriptPanelProps {
  assetId: string;
  transcript: Transcript | null;
  /** Why there is none. */
  wait: TranscriptWait;
  playback: Playback;
  search: TranscriptSearch;
}

/** Sentences that are drawn together with the rest of the page. */
const atOnceMax = 500;

/** What is said, beside the player and at its pace. */
export function TranscriptPanel({ assetId, transcript, wait, playback, search }: TranscriptPanelProps) {
  const [following, setFollowing] = useState(true);
  const shown = transcript !== null && transcript.sentences.length > 0 ? transcript : null;
  const text = useLongLater(shown);
  return (
    <section className="transcript panel" aria-labelledby="transcript-title">
      <div className="transcript-head">
        <h2 id="transcript-title">Transcript</h2>
        {shown === null ? null : (
          <SearchField
            search={search}
            onLook={() => setFollowing(false)}
            // An empty field is nothing to look at: back to what is said now.
            onEmpty={() => setFollowing(true)}
          />
        )}
      </div>
      {shown === null ? (
        <NoTranscript wait={wait} />
      ) : (
        <>
          <TranscriptAbout transcript={shown} />
          {text === null ? (
            // As high as a long text makes it, so that nothing moves.
            <div className="transcript-text" style={{ blockSize: '27rem' }} />
          ) : (
            <TranscriptBody
              assetId={assetId}
              transcript={text}
              playback={playback}
              search={search}
              following={following}
              onFollowing={setFollowing}
            />
          )}
          <button
            type="button"
            className="button button-small transcript-follow"
            hidden={following}
            onClick={() => setFollowing(true)}
          >
            Follow the player
          </button>
        </>
      )}
    </section>
  );
}

/** A long text is drawn behind the page around it, a little at a time: both together keep the page from answering. */
function useLongLater(transcript: Transcript | null): Transcript | null {
  const later = useDeferredValue(transcript, null);
  return transcript !== null && transcript.sentences.length > atOnceMax ? later : transcript;
}

function SearchField({
  search,
  onLook,
  onEmpty,
}: {
  search: TranscriptSearch;
  onLook: () => void;
  onEmpty: () => void;
}) {
  const field = useId();
  const { query, found, at } = search;
  const step = (direction: 1 | -1) => {
    onLook();
    search.step(direction);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  };
  const asked = query.trim() !== '';
  return (
    <search className="transcript-search">
      <label htmlFor={field} className="visually-hidden">
        Search in the transcript
      </label>
      <input
        id={field}
        type="search"
        placeholder="Search"
        value={query}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          search.look(event.target.value);
          if (event.target.value.trim() === '') onEmpty();
          else onLook();
        }}
      />
      <p className="transcript-count" role="status">
        {asked ? (found.length === 0 ? 'Not found' : `${at + 1} of ${found.length.toLocaleString()}`) : ''}
        <span className="visually-hidden">
          {asked && found.length > 0 ? ` ${plural(found.length, 'sentence')}` : ''}
        </span>
      </p>
      <div className="transcript-steps" hidden={!asked || found.length === 0}>
        <button type="button" className="button button-small" aria-label="Previous" onClick={() => step(-1)}>
          <Icon name="up" />
        </button>
        <button type="button" className="button button-small" aria-label="Next" onClick={() => step(1)}>
          <Icon name="down" />
        </button>
      </div>
    </search>
  );
}

function NoTranscript({ wait }: { wait: TranscriptWait }) {
  return (
    <div className="transcript-none" data-state={wait.state}>
      {wait.state === 'working' ? (
        <>
          <p>{wait.words}</p>
          {wait.progress === null ? null : (
            <ProgressBar
              label="Transcription"
              value={wait.progress}
              valueText={formatPercent(wait.progress)}
              tone="active"
            />
          )}
        </>
      ) : (
        <>
          <Icon name={wait.state === 'failed' ? 'failed' : 'audio'} />
          <p className="transcript-none-title">{wait.words}</p>
          {wait.reason === null ? null : <p className="quiet">{wait.reason}</p>}
        </>
      )}
    </div>
  );
}
