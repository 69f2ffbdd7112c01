/** The parts of `<ChunkUploader>` as they come. Each is drawn from what `useChunkUploader` returns. */
import type { ReactNode } from 'react';
import type { ChunkUploaderParts } from './use-chunk-uploader.ts';
import { compressionText, errorText, figures, fractionOf, spokenProgress, statusText } from './words.ts';

interface PartProps {
  readonly uploader: ChunkUploaderParts;
}

export function DropZone({ uploader: { labels, dragging, getButtonProps } }: PartProps): ReactNode {
  return (
    <div className="hf-drop">
      <button {...getButtonProps('choose', { className: 'hf-button hf-primary' })}>{labels.actions.choose}</button>
      <span className="hf-hint">{dragging ? labels.dropNow : labels.dropHint}</span>
    </div>
  );
}

export function Header({ uploader: { state, labels, format } }: PartProps): ReactNode {
  const { status } = state;
  const shown = status !== 'ready' && status !== 'failed' && status !== 'cancelled';
  return (
    <div className="hf-header">
      <bdi className="hf-name" title={state.file?.name}>
        {state.file?.name}
      </bdi>
      <span className="hf-status">{statusText(state, labels)}</span>
      {shown && (
        <span className="hf-percent" aria-hidden="true">
          {format.percent(fractionOf(state))}
        </span>
      )}
    </div>
  );
}

export function Progress({ uploader: { state, labels, format } }: PartProps): ReactNode {
  const fraction = fractionOf(state);
  return (
    <div
      className="hf-bar"
      role="progressbar"
      aria-label={labels.progressOf(state.file?.name ?? '')}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(fraction * 100)}
      aria-valuetext={spokenProgress(state, { labels, format })}
    >
      {/* Scaled, not sized: the compositor does it without a layout. */}
      <div className="hf-bar-fill" style={{ transform: `scaleX(${fraction.toFixed(4)})` }} />
    </div>
  );
}

export function Figures({ uploader: { state, labels, format } }: PartProps): ReactNode {
  return <p className="hf-figures">{figures(state, { labels, format }).join(' · ')}</p>;
}

export function CompressionNote({ uploader: { state, labels, format } }: PartProps): ReactNode {
  const text = compressionText(state, { labels, format });
  return text === null ? null : <p className="hf-note">{text}</p>;
}

export function ErrorNote({ uploader: { state, labels, format } }: PartProps): ReactNode {
  const text = errorText(state, { labels, format });
  return text === null ? null : (
    <p className="hf-error" role="alert">
      {text}
    </p>
  );
}

export function Actions({ uploader: { offers, labels, getButtonProps } }: PartProps): ReactNode {
  return (
    <div className="hf-actions">
      {offers.map((action, index) => {
        // The place is the key: Pause becomes Resume without losing the focus. Cancel and Remove stay the last.
        const last = index === offers.length - 1;
        return (
          <button
            key={last ? 'end' : 'go'}
            {...getButtonProps(action, { className: last ? 'hf-button' : 'hf-button hf-primary' })}
          >
            {labels.actions[action]}
          </button>
        );
      })}
    </div>
  );
}
