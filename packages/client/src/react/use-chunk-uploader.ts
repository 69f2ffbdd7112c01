/** The uploader for your own looks: states, commands and prop getters. `<ChunkUploader>` is drawn with it. */
import {
  type ComponentPropsWithRef,
  type DragEvent,
  type RefObject,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { audioCompressor } from './compress-audio.ts';
import type { CompressAudio, CompressionQuality } from './compression.ts';
import type { FileRules } from './file-rules.ts';
import { en } from './labels/en.ts';
import { createFormat, type Format } from './labels/format.ts';
import type { UploaderAction, UploaderLabels } from './labels/labels.ts';
import { type UploadEvents, UploadFlow } from './upload-flow.ts';
import { type ClientChoice, useUploadClient, useUploadScope } from './upload-provider.tsx';
import type { UploaderState } from './uploader-state.ts';
import { useWatchable } from './use-watchable.ts';
import { offers } from './words.ts';

/** With it, the upload is a recording (docs/recordings.md). */
export interface AudioMetadata {
  readonly asignatura: string;
  readonly tema: string;
  readonly profesorText: string;
  /** Seconds, if known: helps `auto` to choose. */
  readonly duration?: number | undefined;
}

export interface ChunkUploaderOptions extends ClientChoice, FileRules, UploadEvents {
  /** What is uploaded. Keep the object: another one is another upload. */
  readonly audioBlob?: Blob | null | undefined;
  /** The same for any file. */
  readonly file?: Blob | null | undefined;
  readonly audioMetadata?: AudioMetadata | undefined;
  /** Compress audio before it is sent. Default false. */
  readonly enableCompression?: boolean | undefined;
  /** Default `auto`. */
  readonly compressionQuality?: CompressionQuality | undefined;
  /** Default: `@holdfast/client/audio`, loaded when it is needed. */
  readonly compressor?: CompressAudio | undefined;
  /** Free words, kept with the upload; not with a recording. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Default: the file's name; `recording.webm` for a Blob that has none. */
  readonly filename?: string | undefined;
  /** Begin as soon as there is a file. Default true. */
  readonly autoStart?: boolean | undefined;
  /** What becomes of an upload when the component is gone. `continue` still calls back. Default `continue`. */
  readonly onUnmount?: 'continue' | 'pause' | 'cancel' | undefined;
  /** Default: those of the provider, else English. */
  readonly labels?: UploaderLabels | undefined;
}

type ButtonProps = ComponentPropsWithRef<'button'>;
type InputProps = ComponentPropsWithRef<'input'>;
type RootProps = ComponentPropsWithRef<'div'>;

export interface ChunkUploaderParts {
  readonly state: UploaderState;
  /** What can be done now, in the order of the buttons. */
  readonly offers: readonly UploaderAction[];
  act(action: UploaderAction): void;
  /** Takes a file, as if it had been picked. */
  choose(file: Blob): void;
  /** Whether a file hovers over the root. */
  readonly dragging: boolean;
  readonly labels: UploaderLabels;
  readonly format: Format;
  getRootProps(own?: RootProps): RootProps;
  getInputProps(own?: InputProps): InputProps;
  getButtonProps(action: UploaderAction, own?: ButtonProps): ButtonProps & { readonly 'data-action': UploaderAction };
}

const compressAudio = audioCompressor();
const same = <T>(value: T): T => value;
const statusOf = ({ status, compressing }: UploaderState) => `${status}${compressing === 1}`;

export function useChunkUploader(options: ChunkUploaderOptions): ChunkUploaderParts {
  const client = useUploadClient(options);
  const scope = useUploadScope();
  const labels = options.labels ?? scope?.labels ?? en;
  const format = useMemo(() => createFormat(labels.locale), [labels.locale]);
  const latest = useRef({ ...options, client });
  useEffect(() => {
    latest.current = { ...options, client };
  });
  const [flow] = useState(() => new UploadFlow(() => flowOptions(latest.current)));
  useLifetime(flow, options.onUnmount ?? 'continue');
  const blob = options.audioBlob ?? options.file ?? null;
  useEffect(() => {
    if (blob !== null) flow.choose(blob, latest.current.filename ?? nameOf(blob));
  }, [flow, blob]);
  const state = useWatchable(flow, { selector: same, urgencyOf: statusOf });
  const input = useRef<HTMLInputElement>(null);
  const act = useCallback((action: UploaderAction) => perform(action, flow, input), [flow]);
  const choose = useCallback((file: Blob) => flow.choose(file, nameOf(file)), [flow]);
  const { dragging, dropProps } = useDrop(choose);
  const name = state.file?.name;
  return {
    state,
    offers: offers(state),
    act,
    choose,
    dragging,
    labels,
    format,
    getRootProps: (own = {}) => ({ role: 'group', 'aria-label': labels.uploader, ...own, ...dropProps }),
    getInputProps: (own = {}) => ({
      type: 'file',
      hidden: true,
      'aria-label': labels.actions.choose,
      accept: options.accept,
      ...own,
      ref: input,
      onChange: (event) => {
        const [file] = event.target.files ?? [];
        // Or choosing the same file again would change nothing.
        event.target.value = '';
        if (file !== undefined) choose(file);
        own.onChange?.(event);
      },
    }),
    getButtonProps: (action, own = {}) => ({
      type: 'button',
      'data-action': action,
      'aria-label': name === undefined ? undefined : labels.actionOn(labels.actions[action], name),
      ...own,
      onClick: (event) => {
        own.onClick?.(event);
        if (!event.defaultPrevented) act(action);
      },
    }),
  };
}

function flowOptions(options: ChunkUploaderOptions & { readonly client: NonNullable<ClientChoice['client']> }) {
  const { audioMetadata, enableCompression = false, compressionQuality: quality = 'auto' } = options;
  const compress = options.compressor ?? compressAudio;
  const duration = audioMetadata?.duration;
  return {
    ...options,
    compression: enableCompression ? { compress, quality, duration } : null,
    ...(audioMetadata === undefined ? asUpload(options.metadata) : asRecording(audioMetadata)),
    autoStart: options.autoStart ?? true,
  };
}

function asUpload(metadata: ChunkUploaderOptions['metadata']) {
  return { target: 'upload', metadata } as const;
}

function asRecording({ asignatura, tema, profesorText }: AudioMetadata) {
  return { target: 'recording', metadata: { asignatura, tema, profesor_text: profesorText } } as const;
}

function perform(action: UploaderAction, flow: UploadFlow, input: RefObject<HTMLInputElement | null>): void {
  switch (action) {
    case 'choose':
      input.current?.click();
      break;
    case 'remove':
      flow.reset();
      break;
    default:
      flow[action]();
  }
}

/** A recorded Blob has no name; its type says which ending it has. */
function nameOf(blob: Blob): string {
  if ('name' in blob && typeof blob.name === 'string') return blob.name;
  const [, kind, subtype] = /^(audio|video)\/([\w-]+)/.exec(blob.type) ?? [];
  return kind === undefined
    ? 'file'
    : `recording.${{ mpeg: 'mp3', 'x-wav': 'wav', wave: 'wav' }[subtype ?? ''] ?? subtype}`;
}

/** StrictMode unmounts and mounts again at once; only what is still gone a moment later is gone. */
function useLifetime(flow: UploadFlow, onUnmount: 'continue' | 'pause' | 'cancel'): void {
  const mounted = useRef(0);
  const policy = useRef(onUnmount);
  useEffect(() => {
    policy.current = onUnmount;
  });
  useEffect(() => {
    mounted.current += 1;
    return () => {
      mounted.current -= 1;
      queueMicrotask(() => {
        if (mounted.current === 0 && policy.current !== 'continue') flow[policy.current]();
      });
    };
  }, [flow]);
}

function useDrop(choose: (file: Blob) => void): { readonly dragging: boolean; readonly dropProps: RootProps } {
  const [dragging, setDragging] = useState(false);
  const dropProps = useMemo<RootProps>(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
      setDragging(true);
    };
    return {
      onDragEnter: over,
      onDragOver: over,
      onDragLeave: (event) => {
        // Entering a child leaves its parent, too.
        const to = event.relatedTarget;
        if (!(to instanceof Node) || !event.currentTarget.contains(to)) setDragging(false);
      },
      onDrop: (event) => {
        event.preventDefault();
        setDragging(false);
        const file = [...event.dataTransfer.items].find(isFile)?.getAsFile();
        if (file) choose(file);
      },
    };
  }, [choose]);
  return { dragging, dropProps };
}

/** A folder comes as a file whose content cannot be read. */
function isFile(item: DataTransferItem): boolean {
  return item.kind === 'file' && item.webkitGetAsEntry()?.isDirectory !== true;
}
