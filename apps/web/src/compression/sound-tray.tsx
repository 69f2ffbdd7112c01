import { useEffect, useId, useRef, useState } from 'react';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { formatBytes, plural } from '../format/format.ts';
import {
  type ChoiceWords,
  goalOf,
  lossWords,
  type Outlook,
  type SoundChoice,
  savingWords,
  soundChoices,
  targetDefault,
} from './sound-choice.ts';
import { type Outlooks, useOutlooks } from './use-outlooks.ts';
import type { SoundSettings } from './use-sound-settings.ts';

export interface Decision {
  readonly goal: ReturnType<typeof goalOf>;
  readonly keepsOriginal: boolean;
}

interface SoundTrayProps {
  /** The same array as long as they are the same files. */
  readonly files: readonly File[];
  readonly forRecording: boolean;
  readonly settings: SoundSettings;
  readonly onDecide: (decision: Decision) => void;
  readonly onForget: () => void;
}

/** Sound that was picked waits here for a moment: what each way of sending it would save is shown before anything is sent. */
export function SoundTray({ files, forRecording, settings, onDecide, onForget }: SoundTrayProps) {
  const title = useId();
  const [choice, setChoice] = useState<SoundChoice>(forRecording ? settings.preset : 'as-is');
  const [target, setTarget] = useState(targetDefault);
  const [keepsOriginal, setKeepsOriginal] = useState(settings.keepsOriginal);
  const outlooks = useOutlooks(files, target);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const asItIs = () => onDecide({ goal: null, keepsOriginal: false });
  useNothingToGain(outlooks, asItIs);
  const usable = choice !== 'target' || target > 0;
  return (
    <section className="section tray panel" aria-labelledby={title}>
      <div className="tray-head">
        <h2 id={title}>Smaller before it is sent?</h2>
        <p className="quiet">
          {files.length === 1 ? <FileName name={files[0]?.name ?? ''} /> : plural(files.length, 'sound file')},{' '}
          {formatBytes(bytes)}. Compressed sound has one channel of 16 kHz: right for speech, wrong for music
          {forRecording && files.some(({ type }) => type.startsWith('video/'))
            ? '; of a video only the sound is sent'
            : ''}
          .
        </p>
      </div>
      <fieldset className="tray-choices">
        <legend className="visually-hidden">How it is sent</legend>
        {soundChoices.map((words) => (
          <Choice
            key={words.choice}
            words={words}
            checked={choice === words.choice}
            saving={words.choice === 'as-is' ? formatBytes(bytes) : wordsOf(outlooks, words.choice, savingWords)}
            loss={words.choice === 'as-is' ? '' : wordsOf(outlooks, words.choice, lossWords)}
            onChoose={() => setChoice(words.choice)}
            target={words.choice === 'target' ? { value: target, set: setTarget } : null}
          />
        ))}
      </fieldset>
      <div className="tray-end">
        <label className="check-line">
          <input
            type="checkbox"
            checked={keepsOriginal && choice !== 'as-is'}
            disabled={choice === 'as-is'}
            onChange={(event) => setKeepsOriginal(event.target.checked)}
          />
          Send the original too, afterwards
        </label>
        <button type="button" className="button button-quiet" onClick={onForget}>
          Do not send
        </button>
        <button
          type="button"
          className="button button-primary"
          disabled={!usable}
          onClick={() => onDecide({ goal: goalOf(choice, target), keepsOriginal })}
        >
          <Icon name="upload" />
          {choice === 'as-is' ? 'Send' : 'Compress and send'}
        </button>
      </div>
    </section>
  );
}

interface ChoiceProps {
  readonly words: ChoiceWords;
  readonly checked: boolean;
  readonly saving: string;
  readonly loss: string;
  readonly onChoose: () => void;
  /** Only where a size is chosen, in MB. */
  readonly target: { readonly value: number; readonly set: (megabytes: number) => void } | null;
}

function Choice({ words: { choice, title, what }, checked, saving, loss, onChoose, target }: ChoiceProps) {
  const id = useId();
  return (
    <div className="choice" data-checked={checked}>
      <input
        type="radio"
        name="sound-choice"
        id={id}
        value={choice}
        checked={checked}
        aria-describedby={`${id}-more`}
        onChange={onChoose}
      />
      <div className="choice-title">
        <label htmlFor={id}>{title}</label>
        {target === null ? null : (
          <>
            <input
              type="number"
              min={0.1}
              step="any"
              inputMode="decimal"
              aria-label="Megabytes at most"
              value={Number.isNaN(target.value) ? '' : target.value}
              onFocus={onChoose}
              onChange={(event) => target.set(event.target.valueAsNumber)}
            />
            <span aria-hidden="true">MB each</span>
          </>
        )}
      </div>
      <span className="choice-saving">{saving}</span>
      <p className="choice-more" id={`${id}-more`}>
        {what} {loss}
      </p>
    </div>
  );
}

function wordsOf(outlooks: Outlooks | null, choice: SoundChoice, words: (outlook: Outlook) => string): string {
  if (outlooks === null) return '…';
  const outlook = outlooks.get(choice);
  return outlook === undefined ? '' : words(outlook);
}

/** Where no choice would make it smaller, there is none. */
function useNothingToGain(outlooks: Outlooks | null, send: () => void): void {
  const others = soundChoices.filter(({ choice }) => choice !== 'as-is').map(({ choice }) => outlooks?.get(choice));
  const nothing = others.every((outlook) => outlook !== undefined && outlook.refused !== null);
  const done = useRef(false);
  useEffect(() => {
    if (!nothing || done.current) return;
    done.current = true;
    send();
  });
}
