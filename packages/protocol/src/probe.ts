/**
 * What `holdfast doctor --url` asks, to find out what stands between clients and the server. Needs no credentials and changes nothing.
 *
 *   PUT, PATCH, POST, DELETE /v1/probe   → ProbeAnswer, as soon as the first bytes of the body are there
 *   GET /v1/probe/events                 → two server-sent events, `probeEventGapMs` apart
 */

/** Headers that uploads and downloads live on: the probe tells which of them arrived, with their values. */
export const probedHeaders = [
  'content-digest',
  'content-type',
  'if-range',
  'last-event-id',
  'range',
  'repr-digest',
  'tus-resumable',
  'upload-checksum',
  'upload-complete',
  'upload-concat',
  'upload-draft-interop-version',
  'upload-length',
  'upload-metadata',
  'upload-offset',
  'x-http-method-override',
] as const;

/** Headers of the probe's answer, as clients need them from uploads. */
export const probeAnswerHeaders = {
  'accept-ranges': 'bytes',
  'content-range': 'bytes */0',
  'repr-digest': 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  'tus-resumable': '1.0.0',
  'upload-offset': '0',
} as const;

export const probeEventGapMs = 1_000;

export interface ProbeAnswer {
  readonly method: string;
  /** The address of the client, as rate limits count it. */
  readonly ip: string;
  /** Scheme and host, as the server takes them for its own. */
  readonly scheme: string;
  readonly host: string;
  /** Whether a proxy said whom it speaks for, and whether it is believed. */
  readonly forwarded: 'no' | 'believed' | 'ignored';
  /** Largest chunk that the server takes. */
  readonly chunkBytesMax: number;
  readonly headers: Readonly<Record<string, string>>;
}
