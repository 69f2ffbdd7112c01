import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import type { Recorder as RecorderHandle, RecorderOptions, RecorderStatus } from '../recorder/recorder.ts';
import type { UploadError } from '../upload-error.ts';
import { en } from './labels/en.ts';
import { createFormat } from './labels/format.ts';
import type { RecorderAction, UploaderLabels } from './labels/labels.ts';
import { useUploadScope } from './upload-provider.tsx';
import { useRecorder, useRecorderLevel } from './use-recorder.ts';

export interface RecorderProps extends RecorderOptions {
  readonly labels?: UploaderLabels | undefined;
  readonly className?: string | undefined;
  /** It records. The id is that of the upload in the queue. */
  readonly onStart?: ((uploadId: string) => void) | undefined;
  /** It was stopped; the upload goes on. */
  readonly onStop?: ((uploadId: string) => void) | undefined;
  readonly onError?: ((error: UploadError) => void) | undefined;
}

/** Records from the microphone into the queue: record, pause, stop, a level meter and a choice of microphones. */
export function Recorder({ labels: own, className, onStart, onStop, onError, ...options }: RecorderProps): ReactNode {
  const scope = useUploadScope();
  const labels = own ?? scope?.labels ?? en;
  const words = labels.recorder;
  const format = useMemo(() => createFormat(labels.locale), [labels.locale]);
  const { recorder, status, seconds, microphones, deviceId, uploadId, error } = useRecorder(options);
  useTold({ status, uploadId, error }, { onStart, onStop, onError });
  const live = status === 'recording' || status === 'paused';
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields of a form.
    <div
      role="group"
      aria-label={words.recorder}
      className={className === undefined ? 'hf-recorder' : `hf-recorder ${className}`}
      data-status={status}
    >
      <div className="hf-header">
        <span className="hf-clock" role="timer" aria-label={words.duration}>
          {format.clock(seconds)}
        </span>
        <span className="hf-status">{words.status[status]}</span>
      </div>
      {live && <Level recorder={recorder} label={words.level} />}
      {error !== null && (
        <p className="hf-error" role="alert">
          {labels.errors[error.code] ?? error.message}
        </p>
      )}
      {!live && microphones.length > 1 && (
        <label className="hf-devices">
          {words.microphone}
          <select
            className="hf-select"
            value={deviceId ?? ''}
            onChange={(event) => recorder.chooseMicrophone(event.target.value || null)}
          >
            <option value="">{words.systemMicrophone}</option>
            {microphones.map(({ deviceId: id, label }, index) => (
              <option key={id} value={id}>
                {label || `${words.microphone} ${index + 1}`}
              </option>
            ))}
          </select>
        </label>
      )}
      <div className="hf-actions">
        {actionsIn(status).map((action, index) => (
          <button
            key={index === 0 ? 'go' : action}
            type="button"
            className={index === 0 ? 'hf-button hf-primary' : 'hf-button'}
            disabled={status === 'starting' || status === 'stopping'}
            onClick={() => void recorder[action]()}
          >
            {words.actions[action]}
          </button>
        ))}
      </div>
      <div className="hf-hidden" aria-live="polite">
        {words.status[status]}
      </div>
    </div>
  );
}

/** The first button changes its word, so that the keyboard stays where it is. */
function actionsIn(status: RecorderStatus): readonly RecorderAction[] {
  switch (status) {
    case 'recording':
      return ['pause', 'stop', 'discard'];
    case 'paused':
      return ['resume', 'stop', 'discard'];
    default:
      return ['start'];
  }
}

/** Alone, because it is drawn ten times a second. */
function Level({ recorder, label }: { readonly recorder: RecorderHandle; readonly label: string }): ReactNode {
  const level = useRecorderLevel(recorder);
  const percent = Math.round(level * 100);
  return (
    // biome-ignore lint/a11y/useSemanticElements: the compositor cannot scale what is inside of a <meter>.
    <div
      className="hf-bar hf-level"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div className="hf-bar-fill" style={{ transform: `scaleX(${level.toFixed(3)})` }} />
    </div>
  );
}

interface Told {
  readonly status: RecorderStatus;
  readonly uploadId: string | null;
  readonly error: UploadError | null;
}

/** Calls back once for each change, whatever function it is by then. */
function useTold(now: Told, callbacks: Pick<RecorderProps, 'onStart' | 'onStop' | 'onError'>): void {
  const latest = useRef(callbacks);
  const [before] = useState<{ told: Told | null }>({ told: null });
  useEffect(() => {
    latest.current = callbacks;
  });
  const { status, uploadId, error } = now;
  useEffect(() => {
    const { told } = before;
    before.told = { status, uploadId, error };
    const { onStart, onStop, onError } = latest.current;
    if (uploadId !== null && told?.uploadId !== uploadId) onStart?.(uploadId);
    if (status === 'stopped' && uploadId !== null && told?.status !== 'stopped') onStop?.(uploadId);
    if (error !== null && told?.error !== error) onError?.(error);
  }, [before, status, uploadId, error]);
}
