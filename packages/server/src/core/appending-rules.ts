/**
 * The rules of uploads whose bytes are appended. Whoever appends holds a lock that only lets one in at a time; the fence is what is left
 * against a holder that lost its lock and does not know it.
 */
import { formatBytes } from './byte-words.ts';
import type { CommandOf } from './command.ts';
import { joinedCrc32 } from './crc32.ts';
import { accept, reject, unchanged } from './decisions.ts';
import { HoldfastError, invariant } from './errors.ts';
import type { Decision, Write } from './ports/upload-store.ts';
import {
  finishing,
  foreignIntake,
  gone,
  progressEvents,
  refusal,
  validatingEvent,
  withBytes,
} from './receiving-rules.ts';
import type { Extent, Lease, Millis, NewEvent, Upload } from './upload.ts';

/**
 * Extents behind each other are kept as one up to this many bytes, so that a client that appends a little at a time does not make a row
 * each time. It is also how much is asked for again when one byte of it turns out to be damaged.
 */
const joinedBytesMax = 16 * 1024 * 1024;

/**
 * Whether the upload may be appended to at `offset`; null when it may. Asked before a body is read. Of an upload that has all its bytes
 * the wrong offset is told first: a client whose last answer was lost learns that it is done.
 */
export function appendRefusal(upload: Upload, offset: number): HoldfastError | null {
  const foreign = foreignIntake(upload, 'append');
  if (foreign) return foreign;
  const isElsewhere = offset !== upload.receivedBytes;
  const { name } = upload.phase;
  const whole = name === 'validating' || name === 'assembling' || (name === 'completed' && !upload.withdrawn);
  // Where the length ends a file, a wrong offset is the mistake; where the client ended it, that it goes on.
  const asksOffset = whole && isElsewhere && upload.ends === 'by-length';
  const refused = asksOffset ? null : (gone(upload) ?? refusal(upload));
  return refused ?? (isElsewhere ? elsewhere(upload, offset) : null);
}

/** What a request says about lengths, in bytes; null where it does not. */
export interface ToldLengths {
  /** Where its body goes. */
  readonly offset: number;
  /** Of the whole file. */
  readonly size: number | null;
  /** Of its body. */
  readonly declaredLength: number | null;
  /** Whether the file ends where the body does. */
  readonly end: boolean;
}

/** The length of the whole file as the request tells it, in either way or both; null when it does not. Throws `length-conflict`. */
export function toldLength({ offset, size, declaredLength, end }: ToldLengths): number | null {
  if (!end || declaredLength === null) return size;
  const ends = offset + declaredLength;
  if (size === null || size === ends) return ends;
  throw new HoldfastError(
    'length-conflict',
    `The request declares a file of ${size} bytes, and a body of ${declaredLength} bytes that ends it at ${ends}.`,
    { details: { length: size, end: ends } },
  );
}

/** `last`: the last extent that is stored. */
export function append(upload: Upload, last: Extent | null, command: CommandOf<'append'>, now: Millis): Decision {
  const { extent } = command;
  const offset = extent?.offset ?? upload.receivedBytes;
  const refused = foreignIntake(upload, 'append') ?? refusal(upload) ?? appendRefusal(upload, offset);
  // A stale holder is told that first: where the upload goes on is the new holder's matter.
  if (upload.fence !== command.fence && (!refused || refused.code === 'offset-mismatch'))
    return reject(
      new HoldfastError('lease-lost', 'Another request took this upload over; nothing of this one was added.'),
    );
  if (refused) return reject(refused);
  const { received, writes } =
    extent === null
      ? { received: upload, writes: [] }
      : withExtent(upload, { last, extent }, { now, ttlMs: command.ttlMs });
  const size = command.end ? (received.size ?? received.receivedBytes) : received.size;
  if (command.end && size !== received.receivedBytes)
    return reject(lengthConflict(`The file ends at ${received.receivedBytes} bytes; ${size} were declared.`, upload));
  const next = { ...received, size };
  const ended = upload.ends === 'by-client' ? command.end : next.receivedBytes === size;
  const events = extent === null ? [] : progressEvents(upload, next, now);
  return ended ? whole(next, { lease: command.lease, events, writes }, now) : settled(upload, next, { events, writes });
}

/** Also while paused: the holder is gone, whatever the upload does. */
export function seize(upload: Upload, now: Millis): Decision {
  if (upload.phase.name !== 'receiving' && upload.phase.name !== 'paused') return unchanged(upload);
  return accept({ ...upload, fence: upload.fence + 1, updatedAt: now });
}

export function declareLength(upload: Upload, command: CommandOf<'declare-length'>, now: Millis): Decision {
  const { size, chunkSize, lease } = command;
  if (upload.size === size) return unchanged(upload);
  const refused = foreignIntake(upload, 'append') ?? refusal(upload);
  if (refused) return reject(refused);
  if (upload.size !== null)
    return reject(lengthConflict(`The length was declared as ${upload.size} bytes before; now as ${size}.`, upload));
  if (size < upload.receivedBytes)
    return reject(lengthConflict(`${upload.receivedBytes} bytes are stored; the declared length is ${size}.`, upload));
  const next: Upload = { ...upload, size, chunkSize, updatedAt: now };
  const events = [{ at: now, type: 'length-declared', message: `Length: ${formatBytes(size)}`, data: { size } }];
  const ended = upload.ends === 'by-length' && upload.receivedBytes === size;
  return ended ? whole(next, { lease, events, writes: [] }, now) : accept(next, events);
}

interface Effects {
  readonly events: readonly NewEvent[];
  readonly writes: readonly Write[];
}

/** All bytes are here. A partial upload waits for its concatenation; any other one is finished. */
function whole(upload: Upload, effects: Effects & { readonly lease: Lease }, now: Millis): Decision {
  const { lease, events, writes } = effects;
  if (upload.concatenation.role === 'partial') return accept(upload, events, writes);
  return accept(finishing(upload, lease), [...events, validatingEvent(upload, now)], writes);
}

function settled(before: Upload, next: Upload, { events, writes }: Effects): Decision {
  return writes.length === 0 && before.size === next.size ? unchanged(before) : accept(next, events, writes);
}

/** The upload with the extent added: as a row of its own, or joined with the last one. */
function withExtent(
  upload: Upload,
  { last, extent }: { readonly last: Extent | null; readonly extent: Extent },
  at: { readonly now: Millis; readonly ttlMs: number },
): { received: Upload; writes: Write[] } {
  invariant(extent.length > 0, 'an extent has bytes');
  invariant(upload.size === null || extent.offset + extent.length <= upload.size, 'an extent lies within the file');
  const received = withBytes(upload, extent.length, at);
  if (last === null || last.length + extent.length > joinedBytesMax)
    return {
      received: { ...received, receivedExtents: upload.receivedExtents + 1 },
      writes: [{ type: 'insert-extent', extent }],
    };
  invariant(last.offset + last.length === extent.offset, 'an appended extent follows the last one');
  const joined: Extent = {
    offset: last.offset,
    length: last.length + extent.length,
    crc32: joinedCrc32(last.crc32, extent.crc32, extent.length),
    sha256: null,
    receivedAt: extent.receivedAt,
  };
  return {
    received,
    writes: [
      { type: 'delete-extents', offsets: [last.offset] },
      { type: 'insert-extent', extent: joined },
    ],
  };
}

function elsewhere(upload: Upload, offset: number): HoldfastError {
  return new HoldfastError(
    'offset-mismatch',
    `The upload goes on at ${upload.receivedBytes}; the request is for ${offset}. Ask for the offset and send from there.`,
    { details: { offset: upload.receivedBytes, given: offset } },
  );
}

function lengthConflict(message: string, upload: Upload): HoldfastError {
  return new HoldfastError('length-conflict', message, {
    details: { length: upload.size, offset: upload.receivedBytes },
  });
}
