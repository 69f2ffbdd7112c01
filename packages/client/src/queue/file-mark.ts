/** What a file is recognised by when it is selected again: reading a whole one would take minutes. */
import { canDigest, sha256Hex } from '../sha256.ts';
import { UploadError } from '../upload-error.ts';
import { blobBytes } from '../upload-source.ts';
import type { FileMark } from './queue-row.ts';

const edgeBytes = 2 ** 20;

/** @throws UploadError `source-unreadable` */
export async function markOf(file: File): Promise<FileMark> {
  const { name, size, lastModified } = file;
  const edge = async (start: number, end: number) =>
    canDigest() ? sha256Hex(await blobBytes(file.slice(start, end))) : null;
  const head = await edge(0, edgeBytes);
  // Of a small file the first MiB is the whole.
  const tail = size <= edgeBytes ? head : await edge(size - edgeBytes, size);
  return { name, size, lastModified, head, tail };
}

/** Whether it is the same content, as far as its edges tell. A copy under another name will do if the edges could be compared. */
export function isSameContent(known: FileMark, offered: FileMark): boolean {
  if (known.size !== offered.size) return false;
  if (known.head !== null && offered.head !== null) return known.head === offered.head && known.tail === offered.tail;
  return known.name === offered.name && known.lastModified === offered.lastModified;
}

/** Whether it is what was selected then: also the name and the time. */
export function isSameFile(known: FileMark, offered: FileMark): boolean {
  return known.name === offered.name && known.lastModified === offered.lastModified && isSameContent(known, offered);
}

export function otherFile(filename: string): UploadError {
  return new UploadError(
    `This is not the file that was selected as ${filename}. Select that one, or add this as a new upload.`,
    {
      type: 'validation',
      code: 'resume-mismatch',
      retryable: false,
    },
  );
}
