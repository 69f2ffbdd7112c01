import {
  type ChangeEvent,
  type ReactNode,
  type RefObject,
  useEffect,
  useEffectEvent,
  useId,
  useRef,
  useState,
} from 'react';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';

interface DropZoneProps {
  onFiles: (files: readonly File[]) => void;
  /** What letting go of files does. */
  dropWords: string;
  /** More ways to send. */
  children: ReactNode;
  /** Where focus goes when a row below is gone. */
  buttonRef: RefObject<HTMLButtonElement | null>;
}

/** A button first; that files can be dropped anywhere on the page is an extra for those with a mouse. */
export function DropZone({ onFiles, dropWords, children, buttonRef }: DropZoneProps) {
  const input = useRef<HTMLInputElement>(null);
  const hint = useId();
  const hovering = useFileDrop(onFiles);
  const pick = (event: ChangeEvent<HTMLInputElement>) => {
    onFiles([...(event.target.files ?? [])]);
    // The same file picked again must be a change again.
    event.target.value = '';
  };
  return (
    <section className="drop-zone" data-hovering={hovering} aria-labelledby={`${hint}-title`}>
      <div className="drop-zone-words">
        <h1 id={`${hint}-title`}>{hovering ? dropWords : 'Send audio and video'}</h1>
        <p id={hint}>
          Drop files anywhere on this page. They go on by themselves, even if the network, this page, the browser or the
          server goes away in between.
        </p>
      </div>
      <div className="drop-zone-actions">
        <button
          type="button"
          ref={buttonRef}
          className="button button-primary button-large"
          aria-describedby={hint}
          onClick={() => input.current?.click()}
        >
          <Icon name="upload" />
          Choose files
        </button>
        {children}
      </div>
      {/* The button speaks for it; browsers show no focus on a styled file input. */}
      <input ref={input} type="file" multiple hidden aria-label="Files to upload" onChange={pick} />
    </section>
  );
}

/** Files dropped anywhere on the page; true while some are held over it. */
function useFileDrop(onFiles: (files: readonly File[]) => void): boolean {
  const { uploads } = useServices();
  const [hovering, setHovering] = useState(false);
  const take = useEffectEvent((transfer: DataTransfer) => {
    const files = droppedFiles(transfer);
    if (files.length < transfer.files.length)
      uploads.note('Folders cannot be uploaded; choose the files in them.', 'calm');
    if (files.length > 0) onFiles(files);
  });
  useEffect(() => {
    // Entering a child leaves its parent a moment later: only the count tells when the page is left.
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const move = (by: number) => (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth + by);
      setHovering(depth > 0);
    };
    const over = (event: DragEvent) => {
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      depth = 0;
      setHovering(false);
      take(event.dataTransfer);
    };
    const stop = new AbortController();
    const { signal } = stop;
    document.addEventListener('dragenter', move(1), { signal });
    document.addEventListener('dragleave', move(-1), { signal });
    document.addEventListener('dragover', over, { signal });
    document.addEventListener('drop', drop, { signal });
    return () => stop.abort();
  }, []);
  return hovering;
}

/** A folder comes as a file without content that cannot be read. */
function droppedFiles(transfer: DataTransfer): File[] {
  return [...transfer.items].flatMap((item) => {
    if (item.kind !== 'file' || item.webkitGetAsEntry()?.isDirectory === true) return [];
    const file = item.getAsFile();
    return file === null ? [] : [file];
  });
}
