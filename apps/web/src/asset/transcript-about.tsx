import { useState } from 'react';
import { formatPercent } from '../format/format.ts';
import { doubtBelow, speakerName, type Transcript } from './transcript.ts';

/** Who made the transcript and how far it can be trusted, said plainly. */
export function TranscriptAbout({ transcript }: { transcript: Transcript }) {
  const { engine, draft, speakers } = transcript;
  const [opened, setOpened] = useState(false);
  return (
    <details className="transcript-about" onToggle={() => setOpened(true)}>
      <summary>
        <span className="chip" data-tone={draft ? 'warn' : undefined}>
          {draft ? 'Draft quality' : 'Machine transcript'}
        </span>{' '}
        <span className="transcript-engine">{engine}</span>
        {speakers.length < 2 ? null : <span className="chip">Voices: experimental</span>}
      </summary>
      {/* Names of languages cost 10 ms, the first time. */}
      {opened ? <Figures transcript={transcript} /> : null}
    </details>
  );
}

function Figures({ transcript }: { transcript: Transcript }) {
  const { draft, language, byPauses, meanConfidence, speechShare, wordsPerMinute, speakers } = transcript;
  const figures = [
    language === null ? null : languageName(language),
    meanConfidence === null ? null : `${formatPercent(meanConfidence)} sure on average`,
    speechShare === null ? null : `speech for ${formatPercent(speechShare)} of the time`,
    wordsPerMinute === null ? null : `${wordsPerMinute} words per minute`,
  ].filter((figure) => figure !== null);
  return (
    <ul>
      <li>
        {draft
          ? 'Good for finding places, not for quoting. No person has checked it.'
          : 'Made by a machine. No person has checked it.'}
      </li>
      {figures.length === 0 ? null : <li>{capital(figures.join(', '))}.</li>}
      {meanConfidence === null ? null : (
        <li>
          Words with a <span className="doubt">dotted line</span>: the recogniser was less than{' '}
          {formatPercent(doubtBelow)} sure.
        </li>
      )}
      {byPauses ? <li>The recogniser writes no punctuation: sentences end where somebody paused.</li> : null}
      {speakers.length < 2 ? null : (
        <li>
          Experimental: {speakers.slice(0, 4).map(speakerName).join(', ')}
          {speakers.length > 4 ? ' …' : ''} are voices that sound different. Nobody is recognised by name, and the
          limits between them can be wrong.
        </li>
      )}
    </ul>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function languageName(code: string): string {
  try {
    return new Intl.DisplayNames(undefined, { type: 'language' }).of(code) ?? code;
  } catch {
    // Not every engine names languages as BCP 47 does.
    return code;
  }
}
