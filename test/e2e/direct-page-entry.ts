/** What a page of another origin runs, whose files go straight to the bucket. Bundled for the browser by the test. */
import { createUploadClient, type UploadHandle } from '@holdfast/client';
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';

export interface DirectPage {
  /** Begins an upload of so many random bytes. */
  begin(endpoint: string, bytes: number, chunkSize: number): void;
  /** Pauses once bytes are on their way, and goes on when the server knows. */
  pauseAndResume(): Promise<void>;
  /** What the server made of it, what was to be, and the most that progress fell. */
  /** A file by `@uppy/aws-s3`, until Uppy says that it is over. */
  uppy(
    companionEndpoint: string,
    wish: UppyWish,
  ): Promise<{ readonly url: string | null; readonly expected: string; readonly error: string }>;
  done(): Promise<{ readonly sha256: string; readonly expected: string; readonly fell: number }>;
}

export interface UppyWish {
  readonly bytes: number;
  readonly shouldUseMultipart: boolean;
  /** Pause and resume once so many bytes are said to be sent. */
  readonly pauseAt?: number;
  /** Cancel then instead. */
  readonly cancel?: boolean;
}

let handle: UploadHandle;
let content: Blob;
let fell = 0;

function randomFile(bytes: number): File {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let left = bytes; left > 0; left -= 65_536)
    parts.push(crypto.getRandomValues(new Uint8Array(Math.min(left, 65_536))));
  return new File(parts, 'film.mp4', { type: 'video/mp4' });
}

async function digestOf(file: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const page: DirectPage = {
  begin(endpoint, bytes, chunkSize) {
    content = randomFile(bytes);
    handle = createUploadClient({ endpoint, chunkSize, worker: false }).add(content);
    let before = 0;
    handle.subscribe(() => {
      fell = Math.max(fell, before - handle.snapshot.progress);
      before = handle.snapshot.progress;
    });
  },
  async pauseAndResume() {
    await new Promise<void>((resolve) => {
      const stop = handle.subscribe(() => {
        if (handle.snapshot.bytesInFlight === 0) return;
        stop();
        resolve();
      });
    });
    await handle.pause();
    handle.resume();
  },
  async done() {
    const { sha256 } = await handle.done;
    return { sha256, expected: await digestOf(content), fell };
  },
  async uppy(companionEndpoint, { bytes, shouldUseMultipart, pauseAt = Number.POSITIVE_INFINITY, cancel = false }) {
    const file = randomFile(bytes);
    const uppy = new Uppy();
    uppy.use(AwsS3, { companionEndpoint, shouldUseMultipart, getChunkSize: () => 5 * 2 ** 20 });
    uppy.addFile({ name: file.name, type: file.type, data: file });
    let stops = 1;
    uppy.on('upload-progress', (_file, { bytesUploaded }) => {
      if (Number(bytesUploaded) < pauseAt || stops-- <= 0) return;
      if (cancel) uppy.cancelAll();
      else {
        uppy.pauseAll();
        uppy.resumeAll();
      }
    });
    const { successful = [], failed = [] } = (await uppy.upload()) ?? {};
    const error = failed.map((one) => one.error).join();
    return { url: successful[0]?.uploadURL ?? null, expected: await digestOf(file), error };
  },
};

Object.assign(globalThis, { direct: page });
