import { useRecorder, useRecorderLevel } from '@holdfast/client/react';
import type { Recorder, RecorderStatus } from '@holdfast/client/recorder';
import { useEffect, useId, useRef } from 'react';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatBytes, formatTimecode, spokenDuration } from '../format/format.ts';
import { type Lecture, recordingName } from './lecture.ts';

interface MicrophoneProps {
  readonly lecture: Lecture;
  /** Whether it may be recorded; says what is missing. */
  readonly isComplete: () => boolean;
}

/** Records into the queue while it records: each half second is safe in this browser as it comes (docs/recorder.md). */
export function Microphone({ lecture, isComplete }: MicrophoneProps) {
  const { uploads } = useServices();
  const title = useId();
  const latest = useRef(lecture);
  useEffect(() => {
    latest.current = lecture;
  });
  const { recorder, status, seconds, bytesStored, microphones, deviceId, error } = useRecorder({
    sink: ({ contentType }) => {
      const filename = recordingName(latest.current, new Date(), contentType);
      return uploads.openRecording(latest.current, { contentType, filename });
    },
  });
  const live = status === 'recording' || status === 'paused';
  useAskBeforeLeaving(live);
  return (
    <section className="microphone" aria-labelledby={title} data-status={status}>
      <h3 id={title}>From the microphone</h3>
      <div className="microphone-clock">
        <span role="timer" aria-label={`Recorded: ${spokenDuration(seconds)}`}>
          {formatTimecode(seconds)}
        </span>
        <span className="quiet">
          {live ? `${statusWords[status]} · ${formatBytes(bytesStored)} are safe` : statusWords[status]}
        </span>
      </div>
      <Level recorder={recorder} live={live} />
      {/* Above what comes only when microphones have names: a button that was just pressed stays where it is. */}
      <Controls recorder={recorder} status={status} isComplete={isComplete} />
      <p className="problem" role="alert">
        {error?.message ?? ''}
      </p>
      {microphones.length > 1 ? (
        <label className="microphone-choice">
          Microphone
          <select
            value={deviceId ?? ''}
            disabled={live}
            onChange={(event) => recorder.chooseMicrophone(event.target.value || null)}
          >
            <option value="">The system’s</option>
            {microphones.map(({ deviceId: id, label }, index) => (
              <option key={id} value={id}>
                {label || `Microphone ${index + 1}`}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      <p className="visually-hidden" aria-live="polite">
        {statusWords[status]}
      </p>
    </section>
  );
}

const statusWords: Readonly<Record<RecorderStatus, string>> = {
  idle: 'Ready',
  starting: 'Asking for the microphone',
  recording: 'Recording',
  paused: 'Paused',
  stopping: 'Storing the end',
  stopped: 'Recorded, and on its way',
  failed: 'Not recording',
};

interface ControlsProps {
  readonly recorder: Recorder;
  readonly status: RecorderStatus;
  readonly isComplete: () => boolean;
}

/** The first button changes its word, so that the keyboard stays where it is. */
function Controls({ recorder, status, isComplete }: ControlsProps) {
  const busy = status === 'starting' || status === 'stopping';
  const live = status === 'recording' || status === 'paused';
  const first = () => {
    if (busy) return;
    if (status === 'recording') recorder.pause();
    else if (status === 'paused') recorder.resume();
    else if (isComplete()) void recorder.start();
  };
  return (
    <div className="microphone-actions">
      <button type="button" className="button" aria-disabled={busy} onClick={first}>
        <Icon name={status === 'recording' ? 'pause' : live ? 'resume' : 'microphone'} />
        {status === 'recording' ? 'Pause' : live ? 'Go on' : 'Record'}
      </button>
      {live ? (
        <>
          <button type="button" className="button button-primary" onClick={() => void recorder.stop()}>
            <Icon name="done" />
            Stop and send
          </button>
          <button type="button" className="button button-quiet" onClick={() => void recorder.discard()}>
            Discard
          </button>
        </>
      ) : null}
    </div>
  );
}

/** Alone, because it is drawn ten times a second; there before it is needed, so that nothing moves. */
function Level({ recorder, live }: { readonly recorder: Recorder; readonly live: boolean }) {
  const level = useRecorderLevel(recorder);
  return (
    // biome-ignore lint/a11y/useSemanticElements: the compositor cannot scale what is inside of a <meter>.
    <div
      className="level"
      role="meter"
      aria-label="Loudness"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
    >
      <div className="level-fill" style={{ transform: `scaleX(${live ? level.toFixed(3) : 0})` }} />
    </div>
  );
}

/** Nothing that was said is lost by leaving, but what would have been said is. */
function useAskBeforeLeaving(live: boolean): void {
  useEffect(() => {
    if (!live) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [live]);
}
