/** What the page of another origin runs. Bundled for the browser by `client-page.ts`; tus-js-client is the global of its own build. */
import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import type * as tusJsClient from 'tus-js-client';
import { contentType, driveTus, filename, type TusOutcome, type TusWish } from './tus-js-driver.ts';

declare const tus: typeof tusJsClient;

export interface UppyWish {
  readonly endpoint: string;
  readonly options?: Pick<
    tusJsClient.UploadOptions,
    'chunkSize' | 'parallelUploads' | 'uploadDataDuringCreation' | 'overridePatchMethod'
  >;
  /** Pause once so many bytes are said to be sent. */
  readonly pauseAt?: number;
}

export interface Clients {
  tus(content: string, wish: TusWish): Promise<TusOutcome>;
  /** Selects the file and presses “upload”. */
  uppyStart(content: string, wish: UppyWish): Promise<void>;
  uppyState(): { readonly paused: boolean; readonly bytes: number };
  uppyResume(): void;
  /** Cancels, which terminates the upload at the server. */
  uppyCancel(): void;
  /** Where the upload is, once Uppy says that it succeeded. */
  uppyDone(): Promise<string>;
}

let uppy: Uppy;
let result: ReturnType<Uppy['upload']>;

async function fileFrom(content: string): Promise<File> {
  const blob = await (await fetch(content)).blob();
  // Clients know a file again by its name, type, size and this time: the same for the same content.
  const lastModified = 1_700_000_000_000 + Number(content.split('/').at(-1));
  return new File([blob], filename, { type: contentType, lastModified });
}

const clients: Clients = {
  async tus(content, wish) {
    const file = await fileFrom(content);
    const input = wish.options.uploadLengthDeferred ? file.stream().getReader() : file;
    return await driveTus(tus.Upload, input, wish);
  },
  async uppyStart(content, { endpoint, options, pauseAt = Number.POSITIVE_INFINITY }) {
    uppy = new Uppy();
    uppy.use(Tus, { endpoint, retryDelays: [], ...options });
    uppy.addFile({ name: filename, type: contentType, data: await fileFrom(content) });
    let pauses = 1;
    uppy.on('upload-progress', (_file, { bytesUploaded }) => {
      if (Number(bytesUploaded) >= pauseAt && pauses-- > 0) uppy.pauseAll();
    });
    result = uppy.upload();
  },
  uppyState() {
    const [file] = uppy.getFiles();
    return { paused: file?.isPaused === true, bytes: Number(file?.progress.bytesUploaded ?? 0) };
  },
  uppyResume: () => uppy.resumeAll(),
  uppyCancel: () => uppy.cancelAll(),
  async uppyDone() {
    const { successful = [], failed = [] } = (await result) ?? {};
    const [file] = successful;
    if (file?.uploadURL === undefined) throw new Error(`Uppy failed: ${failed.map((f) => f.error).join()}`);
    return file.uploadURL;
  },
};

Object.assign(globalThis, { clients });
