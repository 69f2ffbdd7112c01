/** Tells tus-js-client what to do and what to report. The same code runs in Node.js and, bundled, in the page. */
import type { HttpRequest, PreviousUpload, Upload, UploadOptions } from 'tus-js-client';

export const filename = 'Vorlesung №1.mp4';
export const contentType = 'video/mp4';

export interface TusWish {
  readonly endpoint: string;
  readonly options: Partial<UploadOptions> & { readonly protocol?: string };
  /** Abort once a request has brought the upload, or one of its parallel parts, at least that far, in bytes. */
  readonly stopAt?: number;
  /** With it: terminate the upload instead of leaving it. */
  readonly cancel?: boolean;
  /** Go on with what an earlier one left: its address, or true for what the client finds in its own storage. */
  readonly resume?: string | true;
}

export interface TusOutcome {
  /** Address of the upload; empty if it was stopped before there was one. */
  readonly url: string;
  /** Bytes that requests of this run brought. */
  readonly sent: number;
  readonly methods: readonly string[];
}

type UploadClass = new (input: Upload['file'], options: UploadOptions) => Upload;

export async function driveTus(Client: UploadClass, input: Upload['file'], wish: TusWish): Promise<TusOutcome> {
  let sent = 0;
  const methods: string[] = [];
  const over = Promise.withResolvers<void>();
  const { stopAt = Number.POSITIVE_INFINITY, resume } = wish;
  const upload: Upload = new Client(input, {
    endpoint: wish.endpoint,
    // A retry would hide what went wrong.
    retryDelays: null,
    metadata: { filename, filetype: contentType },
    ...(typeof resume === 'string' ? { uploadUrl: resume } : {}),
    removeFingerprintOnSuccess: true,
    ...wish.options,
    onBeforeRequest: (request: HttpRequest) => void methods.push(request.getMethod()),
    onChunkComplete: (size, accepted) => {
      sent += size;
      if (accepted >= stopAt) upload.abort(wish.cancel).then(over.resolve, over.reject);
    },
    onError: over.reject,
    onSuccess: () => over.resolve(),
  });
  if (resume === true) upload.resumeFromPreviousUpload(newest(await upload.findPreviousUploads()));
  upload.start();
  await over.promise;
  return { url: upload.url ?? '', sent, methods };
}

function newest(previous: readonly PreviousUpload[]): PreviousUpload {
  const [first] = previous.toSorted((a, b) => Date.parse(b.creationTime) - Date.parse(a.creationTime));
  if (first === undefined) throw new Error('The client remembers no upload.');
  return first;
}
