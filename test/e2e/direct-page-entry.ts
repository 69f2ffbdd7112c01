/** What a page of another origin runs, whose files go straight to the bucket. Bundled for the browser by the test. */
import { createUploadClient, type UploadHandle } from '@holdfast/client';

export interface DirectPage {
  /** Begins an upload of so many random bytes. */
  begin(endpoint: string, bytes: number, chunkSize: number): void;
  /** Pauses once bytes are on their way, and goes on when the server knows. */
  pauseAndResume(): Promise<void>;
  /** What the server made of it, what was to be, and the most that progress fell. */
  done(): Promise<{ readonly sha256: string; readonly expected: string; readonly fell: number }>;
}

let handle: UploadHandle;
let content: Blob;
let fell = 0;

const page: DirectPage = {
  begin(endpoint, bytes, chunkSize) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let left = bytes; left > 0; left -= 65_536)
      parts.push(crypto.getRandomValues(new Uint8Array(Math.min(left, 65_536))));
    content = new File(parts, 'film.mp4', { type: 'video/mp4' });
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
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await content.arrayBuffer()));
    return { sha256, expected: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''), fell };
  },
};

Object.assign(globalThis, { direct: page });
