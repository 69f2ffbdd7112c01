import { memo } from 'react';
import { formatPercent, formatTimecode } from '../format/format.ts';
import { addressOf } from '../routing/navigation.tsx';
import { partsOf, placesOf } from './find-text.ts';
import {
  type Group,
  type Paragraph,
  piecesOf,
  type Sentence,
  speakerName,
  type Transcript,
  voiceOf,
} from './transcript.ts';

interface TranscriptGroupProps {
  number: number;
  group: Group;
  transcript: Transcript;
  assetId: string;
  /** A group that is far away only keeps its place. */
  shown: boolean;
  /** As it was when it was last shown; null when it never was. */
  height: number | null;
  /** Each a sentence of this group, or null. */
  current: number | null;
  looked: number | null;
  /** The one that can be reached with Tab. */
  stop: number | null;
  query: string;
}

export const TranscriptGroup = memo(function TranscriptGroup(props: TranscriptGroupProps) {
  const { number, group, transcript, shown, height } = props;
  const [first, end] = group.paragraphs;
  const kept = height === null ? guessedHeight(group) : `${height}px`;
  return (
    <div className="transcript-group" data-group={number} style={shown ? {} : { blockSize: kept }}>
      {shown
        ? transcript.paragraphs
            .slice(first, end)
            .map((paragraph, i) => (
              <TranscriptParagraph
                key={paragraph.sentences[0]}
                {...props}
                paragraph={paragraph}
                named={
                  paragraph.speaker !== null && transcript.paragraphs[first + i - 1]?.speaker !== paragraph.speaker
                }
              />
            ))
        : null}
    </div>
  );
});

/** Lines of about 46 characters, and a gap after each paragraph. */
function guessedHeight({ characters, paragraphs: [first, end] }: Group): string {
  return `${((characters / 46 + 0.5 * (end - first)) * 1.55 + (end - first)).toFixed(1)}em`;
}

type TranscriptParagraphProps = TranscriptGroupProps & { paragraph: Paragraph; named: boolean };

function TranscriptParagraph({ paragraph, named, ...props }: TranscriptParagraphProps) {
  const { transcript } = props;
  const [first, end] = paragraph.sentences;
  return (
    <div className="transcript-paragraph">
      <span className="transcript-time">{formatTimecode(paragraph.start)}</span>
      <div>
        {named && paragraph.speaker !== null ? (
          <p className="transcript-speaker" data-voice={voiceOf(transcript, paragraph.speaker)}>
            {speakerName(paragraph.speaker)}
          </p>
        ) : null}
        <p>
          {transcript.sentences.slice(first, end).map((sentence, i) => (
            <SentenceLink key={sentence.start} {...props} sentence={sentence} place={first + i} />
          ))}
        </p>
      </div>
    </div>
  );
}

type SentenceLinkProps = TranscriptGroupProps & { sentence: Sentence; place: number };

/** A link to its time, so that it can be copied and opened like any other. */
function SentenceLink({ sentence, place, transcript, assetId, current, looked, stop, query }: SentenceLinkProps) {
  return (
    <>
      <a
        className="sentence"
        data-sentence={place}
        data-looked={looked === place ? true : undefined}
        href={addressOf({ page: 'asset', id: assetId, at: sentence.start })}
        aria-current={current === place ? 'true' : undefined}
        tabIndex={stop === place ? 0 : -1}
      >
        <Words sentence={sentence} transcript={transcript} query={query} />
      </a>{' '}
    </>
  );
}

function Words({ sentence, transcript, query }: { sentence: Sentence; transcript: Transcript; query: string }) {
  const places = placesOf(sentence.text, query);
  let offset = 0;
  return piecesOf(sentence, transcript).map(({ text, confidence }) => {
    const start = offset;
    offset += text.length;
    const within = places.map(([from, to]) => [from - start, to - start] as const);
    const parts = partsOf(text, within).map((part, i) => {
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text have nothing but their order.
      return part.found ? <mark key={i}>{part.text}</mark> : part.text;
    });
    if (confidence === null) return <span key={start}>{parts}</span>;
    return (
      <span key={start} className="doubt" title={`The recogniser was ${formatPercent(confidence)} sure of this word.`}>
        {parts}
      </span>
    );
  });
}
