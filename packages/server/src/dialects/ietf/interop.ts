/**
 * What differs between the versions of the draft that clients speak. Each request names its own in `Upload-Draft-Interop-Version`:
 * 3 = draft-01 (iOS 17), 4 = -02, 5 = -03, 6 = -04 and -05, 7 = -06 to -08, 8 = -09 and later.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { integerField } from './fields.ts';

export interface Interop {
  /** The version to name in answers; null: the client named none that we speak, and gets no interim responses. */
  readonly version: number | null;
  /** The header that says whether the upload ends with this request. */
  readonly completeness: 'upload-complete' | 'upload-incomplete';
  /** Whether bytes that are appended have to come as `application/partial-upload`. */
  readonly typedAppends: boolean;
  /** What `Upload-Limit` calls the time that is left; null: the version has no `Upload-Limit`. */
  readonly lifetimeLimit: 'max-age' | 'expires' | null;
  /** Whether interim responses without a Location may tell the offset while a body comes. */
  readonly progress: boolean;
  /** The status of an append that does not complete the upload. */
  readonly appendedStatus: 201 | 204;
}

const latest: Omit<Interop, 'version'> = {
  completeness: 'upload-complete',
  typedAppends: true,
  lifetimeLimit: 'max-age',
  progress: true,
  appendedStatus: 204,
};

const differences: ReadonlyMap<number, Partial<Interop>> = new Map<number, Partial<Interop>>([
  [
    3,
    {
      completeness: 'upload-incomplete',
      typedAppends: false,
      lifetimeLimit: null,
      progress: false,
      appendedStatus: 201,
    },
  ],
  [4, { typedAppends: false, lifetimeLimit: null, progress: false, appendedStatus: 201 }],
  [5, { typedAppends: false, lifetimeLimit: null, appendedStatus: 201 }],
  [6, { lifetimeLimit: 'expires', appendedStatus: 201 }],
  [7, {}],
  [8, {}],
]);

/** A client that names no version, or one that we do not know, is taken to speak the latest; it gets no interim responses (draft, "Draft Version Identification"). */
export function interopOf(headers: IncomingHttpHeaders): Interop {
  const version = integerField(headers['upload-draft-interop-version']);
  const spoken = version === null ? undefined : differences.get(version);
  return spoken === undefined ? { ...latest, version: null } : { ...latest, ...spoken, version };
}

/** Whether a request is for this dialect, where it shares an address with another one. Also look at the `protocol` of the upload that it names. */
export function speaksDraft(headers: IncomingHttpHeaders): boolean {
  return (
    headers['upload-draft-interop-version'] !== undefined ||
    headers['upload-complete'] !== undefined ||
    headers['upload-incomplete'] !== undefined ||
    mediaTypeOf(headers['content-type']) === partialUpload
  );
}

/** The type of bytes that are appended (draft, "Media Type application/partial-upload"). */
export const partialUpload = 'application/partial-upload';

/** Type and subtype without parameters, in lower case; empty when there is none. */
export function mediaTypeOf(header: string | undefined): string {
  return (header?.split(';')[0] ?? '').trim().toLowerCase();
}
