/** What the test page of the React components runs; bundled for the browser by `react-page.ts`. */
import { createElement, Profiler, type ReactNode, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { createUploadClient, UploadError, type UploadHandle } from '../../packages/client/src/index.ts';
import { UploadQueueManager } from '../../packages/client/src/queue/index.ts';
import {
  audioCompressor,
  ChunkUploader,
  type ChunkUploaderProps,
  Recorder,
  UploadProvider,
  useUpload,
  useUploads,
} from '../../packages/client/src/react/index.ts';
import { en } from '../../packages/client/src/react/labels/en.ts';
import { es } from '../../packages/client/src/react/labels/es.ts';
import { pt } from '../../packages/client/src/react/labels/pt.ts';

const labels = { en, es, pt };

/** Props that a test can pass through the wire. */
export interface UploaderWish
  extends Omit<ChunkUploaderProps, 'audioBlob' | 'file' | 'client' | 'compressor' | 'labels' | 'children' | 'slots'> {
  readonly url: string;
  readonly language?: keyof typeof labels;
  /** Bytes of a file of random content that is passed as `audioBlob`. */
  readonly bytes?: number;
  readonly name?: string;
  readonly type?: string;
  /** `real` is that of the package; `hang` never ends until it is cancelled; `halve` sends the first half; `fail` throws. */
  readonly compress?: 'real' | 'hang' | 'halve' | 'fail';
  readonly onUnmount?: 'continue' | 'pause' | 'cancel';
  /** Names of the callbacks of which is kept what they were called with; all by default. */
  readonly strict?: boolean;
  /** Bytes per chunk. */
  readonly chunkSize?: number;
}

export interface RecorderWish {
  readonly language?: keyof typeof labels;
  /** The sink has no room from this slice on, counted from 1. */
  readonly fullAt?: number;
}

export interface Called {
  readonly name: string;
  readonly with: unknown;
}

export interface Measured {
  /** Milliseconds that React worked for each commit. */
  readonly commits: readonly number[];
  /** When they were, in ms. */
  readonly times: readonly number[];
}

export interface Harness {
  /** Mounts one uploader for each wish, in place of what is there. Resolves when React has drawn them. */
  mount(...wishes: readonly UploaderWish[]): Promise<void>;
  unmount(): void;
  /** What was called back, in order. */
  readonly calls: Called[];
  /** Everything that live regions said, in order. */
  readonly said: string[];
  /** SHA-256 of the file that was passed last, in hex. */
  sha256(): Promise<string>;
  /** Uploads so many files at once through `useUploads`, one row each. */
  mountList(url: string, count: number, bytes: number): Promise<void>;
  listState(): readonly string[];
  measured(): Measured;
  /** Mounts a recorder over a queue that is kept in this profile. Its calls are kept as those of uploaders. */
  mountRecorder(url: string, wish?: RecorderWish): Promise<void>;
  /** Whether the queue has read what is stored. */
  queueReady(): boolean;
  /** What the queue shows. */
  queueState(): readonly { readonly status: string; readonly size: number; readonly uploadId: string | null }[];
  /** As the system does when a microphone is unplugged. */
  unplug(): void;
  /** Drops a file on the uploader. */
  drop(name: string, bytes: number): void;
}

let root: Root | null = null;
let blob: Blob | null = null;
const calls: Called[] = [];
const said: string[] = [];
const commits: number[] = [];
const times: number[] = [];
let handles: readonly UploadHandle[] = [];
let queue: UploadQueueManager | null = null;
const tracks: MediaStreamTrack[] = [];

new MutationObserver((records) => {
  for (const { target } of records) {
    const element = target instanceof Element ? target : target.parentElement;
    const text = element?.closest('[aria-live]')?.textContent;
    if (text && said.at(-1) !== text) said.push(text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Of two channels at 48 kHz, 16 bits. */
function waveHeader(bytes: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(44));
  const text = (at: number, letters: string) => {
    for (const [index, letter] of [...letters].entries()) view.setUint8(at + index, letter.charCodeAt(0));
  };
  text(0, 'RIFF');
  view.setUint32(4, 36 + bytes, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, 48_000, true);
  view.setUint32(28, 192_000, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, bytes, true);
  return view;
}

const compressors = {
  real: audioCompressor({ workerUrl: '/audio-worker.js' }),
  hang: ({ signal, onProgress }) =>
    new Promise((_resolve, reject) => {
      onProgress(0.4);
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
  halve: async ({ blob: original, onProgress }) => {
    onProgress(1);
    return {
      blob: original.slice(0, original.size / 2, 'audio/webm;codecs=opus'),
      skipped: null,
      bitrate: 32_000,
    };
  },
  fail: async () => {
    throw new Error('The encoder broke.');
  },
} satisfies Record<string, NonNullable<ChunkUploaderProps['compressor']>>;

function uploader({
  url,
  language = 'en',
  bytes,
  name = 'meeting.wav',
  type = 'audio/wav',
  ...wish
}: UploaderWish): ReactNode {
  const { compress, chunkSize, strict = true, ...props } = wish;
  const call = (event: string) => (value?: unknown) => void calls.push({ name: event, with: value ?? null });
  const parts = [...(compress === 'real' ? [waveHeader(bytes ?? 0)] : []), randomBytes(bytes ?? 0)];
  const audioBlob = bytes === undefined ? null : new File(parts, name, { type });
  blob = audioBlob;
  const element = createElement(ChunkUploader, {
    ...props,
    audioBlob,
    client: createUploadClient({ endpoint: url, ...(chunkSize === undefined ? {} : { chunkSize }) }),
    labels: labels[language],
    compressor: compress === undefined ? undefined : compressors[compress],
    enableCompression: compress !== undefined,
    onUploadStart: call('onUploadStart'),
    onProgress: call('onProgress'),
    onCompressionProgress: call('onCompressionProgress'),
    onComplete: call('onComplete'),
    onError: (error) => void calls.push({ name: 'onError', with: { type: error.type, code: error.code } }),
    onCancel: call('onCancel'),
  });
  return strict ? createElement(StrictMode, null, element) : element;
}

async function draw(content: ReactNode): Promise<void> {
  root?.unmount();
  const element = document.querySelector('#root');
  if (element === null) throw new Error('The page has no #root.');
  calls.length = 0;
  said.length = 0;
  root = createRoot(element);
  root.render(
    createElement(
      Profiler,
      {
        id: 'page',
        onRender: (_id, _phase, actualDuration, _base, _start, commitTime) => {
          commits.push(actualDuration);
          times.push(commitTime);
        },
      },
      content,
    ),
  );
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** The tracks that pages get, so that a test can take them away. */
function rememberTracks(): void {
  const { mediaDevices } = navigator;
  const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await getUserMedia(constraints);
    tracks.push(...stream.getTracks());
    return stream;
  };
}
rememberTracks();

/** A sink of the queue that runs out of room. */
async function fullSink(fullAt: number, { contentType }: { contentType: string }) {
  if (queue === null) throw new Error('There is no queue.');
  const recording = await queue.openRecording({}, { contentType });
  let slices = 0;
  return {
    id: recording.id,
    append: async (slice: Blob) => {
      slices += 1;
      if (slices < fullAt) return recording.append(slice);
      throw new UploadError('No room.', { type: 'validation', code: 'storage-full', retryable: false });
    },
    finish: () => recording.finish(),
    discard: () => recording.discard(),
  };
}

function Row({ handle }: { handle: UploadHandle }): ReactNode {
  const upload = useUpload(handle);
  const percent = Math.floor((upload?.progress ?? 0) * 100);
  return createElement('li', null, `${upload?.filename}: ${upload?.state} ${percent} %`);
}

function List({ files }: { files: readonly File[] }): ReactNode {
  const { uploads, add } = useUploads();
  handles = uploads;
  const begin = () => {
    for (const file of files) add(file);
  };
  return createElement(
    'div',
    null,
    createElement('button', { type: 'button', onClick: begin }, 'Begin'),
    createElement('ul', null, ...uploads.map((handle) => createElement(Row, { key: handle.id, handle }))),
  );
}

const harness: Harness = {
  calls,
  said,
  mount: (...wishes) =>
    draw(wishes.map((wish, index) => createElement('section', { key: String(index) }, uploader(wish)))),
  unmount() {
    root?.unmount();
    root = null;
  },
  async sha256() {
    const digest = await crypto.subtle.digest('SHA-256', (await blob?.arrayBuffer()) ?? new ArrayBuffer(0));
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  },
  async mountList(url, count, bytes) {
    const files = Array.from({ length: count }, (_, index) => new File([randomBytes(bytes)], `file-${index}.bin`));
    await draw(
      createElement(StrictMode, null, createElement(UploadProvider, { endpoint: url }, createElement(List, { files }))),
    );
    commits.length = 0;
    times.length = 0;
  },
  mountRecorder(url, { language = 'en', fullAt } = {}) {
    const made = new UploadQueueManager({ endpoint: url, target: 'recording' });
    queue = made;
    const call = (event: string) => (value: unknown) => void calls.push({ name: event, with: value });
    const recorder = createElement(Recorder, {
      metadata: { asignatura: 'Anatomía', tema: 'Huesos', profesor_text: '' },
      sink: fullAt === undefined ? undefined : (format) => fullSink(fullAt, format),
      labels: labels[language],
      onStart: call('onStart'),
      onStop: call('onStop'),
      onError: (error) => void calls.push({ name: 'onError', with: { type: error.type, code: error.code } }),
    });
    return draw(createElement(StrictMode, null, createElement(UploadProvider, { queue: made }, recorder)));
  },
  queueReady: () => queue?.snapshot.ready === true,
  queueState: () => queue?.list().map(({ status, size, uploadId }) => ({ status, size, uploadId })) ?? [],
  unplug: () => void tracks.at(-1)?.dispatchEvent(new Event('ended')),
  listState: () => handles.map(({ snapshot }) => snapshot.state),
  measured: () => ({ commits, times }),
  drop(name, bytes) {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([randomBytes(bytes)], name, { type: 'audio/wav' }));
    const target = document.querySelector('.hf-uploader');
    for (const type of ['dragenter', 'dragover', 'drop']) {
      target?.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
    }
  },
};

Object.assign(globalThis, { harness });
