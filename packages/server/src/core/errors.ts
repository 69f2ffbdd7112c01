/**
 * The one family of errors. Codes are stable and public: dialects map each to a status and a body in one exhaustive
 * table, and docs/errors.md lists every one of them (a test compares). No HTTP in here.
 */
interface ErrorKind {
  /** Whether the same request can succeed later without being changed. */
  readonly retryable: boolean;
  /** One line for docs/errors.md: what happened and what to do. */
  readonly summary: string;
}

export const errorCatalog = {
  'invalid-request': { retryable: false, summary: 'The request is not well-formed; the message names the field.' },
  'invalid-size': { retryable: false, summary: 'A size is missing, negative, fractional, or not what was declared.' },
  'invalid-chunk-index': { retryable: false, summary: 'The upload has no chunk of that index.' },
  'invalid-digest': {
    retryable: false,
    summary: 'A digest is not well-formed or names an algorithm that is not taken.',
  },
  'file-too-large': { retryable: false, summary: 'The file is larger than this server takes.' },
  'unsupported-type': { retryable: false, summary: 'The content type is not one that this server takes.' },
  'unsupported-version': {
    retryable: false,
    summary:
      'The request speaks a version of its protocol that this server does not; the answer names those that it does.',
  },
  'too-many-uploads': {
    retryable: true,
    summary: 'The principal has too many unfinished uploads; finish or cancel one.',
  },
  'creation-refused': {
    retryable: false,
    summary: "The server's creation hook refused the upload; the message says why.",
  },
  'quota-exceeded': {
    retryable: true,
    summary: 'The unfinished uploads of the principal would have too many bytes together; finish or cancel one.',
  },
  'insufficient-storage': { retryable: true, summary: 'The store has no room; what was acknowledged is kept.' },
  'upload-not-found': { retryable: false, summary: 'No such upload for this principal; it may have been purged.' },
  'asset-not-found': { retryable: false, summary: 'No such asset for this principal.' },
  'asset-in-place': {
    retryable: false,
    summary: 'The asset is a file in a watched folder that is processed where it lies: delete it there.',
  },
  'run-not-found': { retryable: false, summary: 'No such run for this principal.' },
  'step-not-found': { retryable: false, summary: 'No such step for this principal.' },
  'class-not-found': {
    retryable: false,
    summary: 'No such concurrency class; the message lists those that there are.',
  },
  'artifact-not-found': { retryable: false, summary: 'No such artifact for this principal.' },
  'folder-not-found': { retryable: false, summary: 'No such watched folder.' },
  'webhook-not-found': { retryable: false, summary: 'No such webhook endpoint or delivery.' },
  'range-not-satisfiable': {
    retryable: false,
    summary: 'The content has no byte of the range that was asked for; Content-Range says how many it has.',
  },
  'token-not-found': { retryable: false, summary: 'No such upload token of this issuer; it may have been purged.' },
  'route-not-found': { retryable: false, summary: 'The server has nothing at this address.' },
  'upload-paused': { retryable: true, summary: 'The upload is paused: resume it, then send the chunk again.' },
  'upload-closed': {
    retryable: false,
    summary: 'The upload is completed, cancelled, expired or failed and takes nothing more.',
  },
  'upload-finishing': {
    retryable: true,
    summary: 'All bytes are here and the upload is being finished; wait for its state.',
  },
  'missing-chunks': {
    retryable: true,
    summary: 'Not all bytes have arrived; details list the missing ranges and chunks.',
  },
  'chunk-conflict': {
    retryable: false,
    summary: 'Other bytes are already stored for this chunk; the stored ones are kept.',
  },
  'offset-mismatch': {
    retryable: false,
    summary: 'The bytes are for another offset than the one at which the upload goes on; details have the right one.',
  },
  'length-conflict': {
    retryable: false,
    summary: 'The length differs from the one declared before, or from what is stored; nothing was changed.',
  },
  'wrong-protocol': {
    retryable: false,
    summary: 'The upload takes its bytes in another way; go on with the protocol that created it.',
  },
  'upload-is-concatenation': {
    retryable: false,
    summary: 'The upload is made of partial uploads and takes no bytes of its own.',
  },
  'invalid-concatenation': {
    retryable: false,
    summary: 'A part is not a partial upload of this principal that still exists; details name it.',
  },
  'upload-in-use': {
    retryable: true,
    summary: 'The partial upload belongs to a concatenation that is not finished; wait for it, or cancel it first.',
  },
  'upload-busy': {
    retryable: true,
    summary: 'Another request is sending this upload and has not let go yet; ask again shortly.',
  },
  'upload-taken-over': {
    retryable: true,
    summary: 'A newer request for this upload took over; what had arrived is kept. Ask for the offset before going on.',
  },
  'chunk-busy': { retryable: true, summary: 'Another request is sending this chunk right now; ask again shortly.' },
  'digest-mismatch': {
    retryable: true,
    summary: 'The bytes do not have the declared digest; nothing of them was kept. Send them again.',
  },
  'body-too-short': {
    retryable: true,
    summary:
      'The connection ended before all declared bytes arrived; nothing of a chunk was kept, of an appended body what came.',
  },
  'body-too-long': {
    retryable: false,
    summary: 'More bytes were sent than the chunk or the upload has; nothing of them was kept.',
  },
  'body-timeout': {
    retryable: true,
    summary:
      'The sender stopped sending or sends too slowly; nothing of a chunk was kept, of an appended body what came.',
  },
  'direct-not-offered': {
    retryable: false,
    summary: 'This server hands out no addresses of its store for the upload; send the chunks to the server.',
  },
  'piece-missing': {
    retryable: true,
    summary: 'The store has nothing at the address of the chunk (any more): send it there first, then report it.',
  },
  'piece-mismatch': {
    retryable: true,
    summary: 'What is at the address in the store has another size or ETag than reported; send the chunk again.',
  },
  'lease-lost': { retryable: true, summary: 'Another holder took over; this one has to let go.' },
  unauthenticated: { retryable: false, summary: 'Credentials are missing or not known.' },
  'token-expired': { retryable: false, summary: 'The token has expired; ask for a new one and go on.' },
  'token-used': {
    retryable: false,
    summary: 'An upload was created with this upload token already; details name it. Go on with that one.',
  },
  'token-scope': { retryable: false, summary: 'The upload token is for one upload and nothing else.' },
  forbidden: { retryable: false, summary: 'The credentials do not allow this.' },
  'rate-limited': { retryable: true, summary: 'Too many requests; wait as long as Retry-After says.' },
  'shutting-down': { retryable: true, summary: 'The server is stopping; send the request again in a moment.' },
  'storage-damaged': {
    retryable: false,
    summary: 'Stored bytes are missing or not what was recorded; run `holdfast verify`.',
  },
  unavailable: { retryable: true, summary: 'A dependency does not answer; nothing was lost. Try again.' },
  internal: { retryable: true, summary: 'Something went wrong inside; the log has it under the request id.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalog;

/** Facts about an error that clients may use; JSON values only. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same request can succeed later without being changed. */
  get retryable(): boolean {
    return errorCatalog[this.code].retryable;
  }
}

/** Programmer errors: a broken invariant stops the operation before it can do harm. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`);
}

/** The end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`Not reachable: ${JSON.stringify(value)}`);
}
