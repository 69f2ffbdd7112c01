import { type ComponentType, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { announcement } from './announcement.ts';
import { Actions, CompressionNote, DropZone, ErrorNote, Figures, Header, Progress } from './uploader-parts.tsx';
import type { UploaderState } from './uploader-state.ts';
import { type ChunkUploaderOptions, type ChunkUploaderParts, useChunkUploader } from './use-chunk-uploader.ts';

export interface PartProps {
  readonly uploader: ChunkUploaderParts;
}

/** Parts that can be replaced. Each gets what `useChunkUploader` returns. */
export interface ChunkUploaderSlots {
  readonly DropZone?: ComponentType<PartProps>;
  readonly Header?: ComponentType<PartProps>;
  readonly Progress?: ComponentType<PartProps>;
  readonly Figures?: ComponentType<PartProps>;
  readonly CompressionNote?: ComponentType<PartProps>;
  readonly ErrorNote?: ComponentType<PartProps>;
  readonly Actions?: ComponentType<PartProps>;
}

export interface ChunkUploaderProps extends ChunkUploaderOptions {
  readonly className?: string | undefined;
  readonly slots?: ChunkUploaderSlots | undefined;
  /** Draws everything itself; announcements, drop target and file input stay. */
  readonly children?: ((uploader: ChunkUploaderParts) => ReactNode) | undefined;
}

/** Uploads one file or recording, with everything that people need to see and do. Import `@holdfast/client/react/styles.css` once. */
export function ChunkUploader({ className, slots, children, ...options }: ChunkUploaderProps): ReactNode {
  const uploader = useChunkUploader(options);
  const { state, dragging, getRootProps, getInputProps } = uploader;
  const root = useFocusThatStays(state.status);
  const classes = className === undefined ? 'hf-uploader' : `hf-uploader ${className}`;
  return (
    <div
      {...getRootProps({ className: classes })}
      ref={root}
      tabIndex={-1}
      data-status={state.status}
      data-dragging={dragging || undefined}
    >
      <input {...getInputProps()} />
      {children === undefined ? <Body uploader={uploader} slots={slots ?? {}} /> : children(uploader)}
      <LiveRegion uploader={uploader} />
    </div>
  );
}

function Body({ uploader, slots }: PartProps & { readonly slots: ChunkUploaderSlots }): ReactNode {
  const { status } = uploader.state;
  const Zone = slots.DropZone ?? DropZone;
  if (status === 'idle') return <Zone uploader={uploader} />;
  const parts = [
    slots.Header ?? Header,
    slots.Progress ?? Progress,
    slots.Figures ?? Figures,
    slots.CompressionNote ?? CompressionNote,
    slots.ErrorNote ?? ErrorNote,
    slots.Actions ?? Actions,
  ];
  // The list never changes its order; its members change only with the slots.
  return parts.map((Part, index) => <Part key={keys[index]} uploader={uploader} />);
}

const keys = ['header', 'progress', 'figures', 'compression', 'error', 'actions'] as const;

/** A progress bar is not read out by itself: this says in words what is worth hearing. There from the start, or it would not be listened to. */
function LiveRegion({ uploader: { state, labels, format } }: PartProps): ReactNode {
  const before = useRef<UploaderState>(state);
  const [text, setText] = useState('');
  useEffect(() => {
    const said = announcement(before.current, state, { labels, format });
    before.current = state;
    if (said !== null) setText(said);
  }, [state, labels, format]);
  return (
    <div className="hf-hidden" aria-live="polite">
      {text}
    </div>
  );
}

/** When the button that has the focus goes away with a change of state, the focus goes to the first harmless one that is left, or to the whole. */
function useFocusThatStays(status: string) {
  const root = useRef<HTMLDivElement>(null);
  const last = useRef<EventTarget | null>(null);
  // With the commit: a later effect would miss the focus of somebody quick.
  useCommitted(() => {
    const element = root.current;
    if (element === null) return;
    const enter = ({ target }: FocusEvent) => {
      last.current = target;
    };
    const leave = ({ relatedTarget }: FocusEvent) => {
      // To nowhere: taken away, or a click beside it. Which of the two is seen when the next state is drawn.
      if (relatedTarget !== null) last.current = null;
    };
    element.addEventListener('focusin', enter);
    element.addEventListener('focusout', leave);
    return () => {
      element.removeEventListener('focusin', enter);
      element.removeEventListener('focusout', leave);
    };
  }, []);
  const shown = useRef(status);
  useCommitted(() => {
    if (shown.current === status) return;
    shown.current = status;
    const gone = last.current instanceof Element && !last.current.isConnected;
    if (!gone || document.activeElement !== document.body) return;
    // Never to one that ends something: a key that was meant for the old button would press it.
    const next = root.current?.querySelector<HTMLElement>(
      'button:not(:disabled, [data-action=cancel], [data-action=remove])',
    );
    (next ?? root.current)?.focus();
  });
  return root;
}

/** Before the browser paints; on a server, where there is nothing to focus, React wants to hear nothing of it. */
const useCommitted = typeof document === 'undefined' ? useEffect : useLayoutEffect;
