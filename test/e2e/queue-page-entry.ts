/** What the page of the queue's tests runs. Bundled for the browser by `queue-browser.ts`. */
import { UploadError } from '@holdfast/client';
import {
  type QueueAddOptions,
  type QueueItem,
  type QueueRecording,
  UploadQueueManager,
  type UploadQueueOptions,
} from '@holdfast/client/queue';
import { openDB } from 'idb';

export interface QueuePage {
  /** Starts the page's queue. */
  open(options: UploadQueueOptions): Promise<void>;
  readonly queue: UploadQueueManager;
  /** Names of events with the file they are about, in order; without progress. */
  readonly heard: string[];
  /** Adds the files of the page's input. Resolves with ids. */
  addPicked(options?: QueueAddOptions): Promise<string[]>;
  /** Adds bytes made in the page; the same for the same seed. */
  /** A file with bytes that follow from the seed. */
  file(bytes: number, seed: number, name: string): File;
  addBytes(
    bytes: number,
    seed: number,
    options?: QueueAddOptions & { metadata?: Record<string, string> },
  ): Promise<string>;
  /** `provideFile` with the file of the input. Resolves with the code of the refusal, or null. */
  provide(id: string): Promise<string | null>;
  record(metadata: Record<string, string>): Promise<string>;
  recording: QueueRecording | null;
  items(): QueueItem[];
  /** Credentials that the page sends; `refresh` are those that it gets after a 401. */
  token: { now: string; refresh: string; refreshed: number };
  /** Records with bytes in a queue's database. */
  countBlobs(databaseName: string): Promise<number>;
}

declare global {
  interface Window {
    page: QueuePage;
  }
}

let queue: UploadQueueManager | null = null;
const token = { now: '', refresh: '', refreshed: 0 };

function current(): UploadQueueManager {
  if (queue === null) throw new Error('Open the queue first.');
  return queue;
}

function picked(): File[] {
  return [...(document.querySelector('input')?.files ?? [])];
}

function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed + 1; i < length; i += 1) {
    x = (x * 1_103_515_245 + 12_345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

const told = [
  'upload-added',
  'upload-paused',
  'upload-resumed',
  'upload-retrying',
  'upload-completed',
  'upload-failed',
  'upload-cancelled',
  'upload-removed',
  'needs-reselect',
] as const;

window.page = {
  heard: [],
  recording: null,
  token,
  get queue() {
    return current();
  },
  async open(options) {
    queue = new UploadQueueManager({
      workerUrl: '/worker.js',
      getHeaders: ({ refresh }): Record<string, string> => {
        if (refresh) {
          token.now = token.refresh;
          token.refreshed += 1;
        }
        return token.now === '' ? {} : { authorization: `Bearer ${token.now}` };
      },
      ...options,
    });
    for (const name of told) queue.on(name, (item) => this.heard.push(`${name} ${item.filename}`));
    queue.on('storage-degraded', ({ reason }) => this.heard.push(`storage-degraded ${reason}`));
    await queue.start();
  },
  addPicked: (options) => Promise.all(picked().map((file) => current().addUpload(file, {}, options))),
  file: (bytes, seed, name) => new File([bytesOf(bytes, seed)], name),
  addBytes: (bytes, seed, { metadata = {}, ...options } = {}) =>
    current().addUpload(new Blob([bytesOf(bytes, seed)]), metadata, options),
  async provide(id) {
    const [file] = picked();
    if (file === undefined) throw new Error('Nothing was picked.');
    return current()
      .provideFile(id, file)
      .then(
        () => null,
        (error: unknown) => (error instanceof UploadError ? error.code : String(error)),
      );
  },
  async record(metadata) {
    this.recording = await current().openRecording(metadata, { contentType: 'audio/webm' });
    return this.recording.id;
  },
  items: () => [...current().list()],
  async countBlobs(databaseName) {
    const database = await openDB(databaseName);
    const count = await database.count('blobs');
    database.close();
    return count;
  },
};
