/** What an uploader accepts, checked before anything is sent. The server checks again. Pure. */
import { UploadError } from '../upload-error.ts';

export interface FileRules {
  /** As of `<input accept>`: types, `audio/*`, `.wav`, separated by commas. */
  readonly accept?: string | undefined;
  /** Bytes. */
  readonly maxSize?: number | undefined;
}

/** Codes of ours for files that are not taken. */
export type RefusalCode = 'too-large' | 'wrong-type';

/** Why a file is not taken; null when it is. */
export function refusalOf(file: { readonly name: string; readonly blob: Blob }, rules: FileRules): UploadError | null {
  const { accept, maxSize } = rules;
  const refuse = (code: RefusalCode, message: string, details: Record<string, unknown>) =>
    new UploadError(message, { type: 'validation', code, retryable: false, details });
  if (accept !== undefined && !accepts(accept, file.name, file.blob.type)) {
    return refuse('wrong-type', `${file.name} is none of: ${accept}.`, { accept });
  }
  if (maxSize !== undefined && file.blob.size > maxSize) {
    return refuse('too-large', `${file.name} has ${file.blob.size} bytes; at most ${maxSize} are taken.`, { maxSize });
  }
  return null;
}

function accepts(accept: string, name: string, type: string): boolean {
  const wanted = accept
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '');
  const [media = ''] = type.toLowerCase().split(';');
  return (
    wanted.length === 0 ||
    wanted.some((part) => {
      if (part.startsWith('.')) return name.toLowerCase().endsWith(part);
      if (part.endsWith('/*')) return media.startsWith(part.slice(0, -1));
      return media === part;
    })
  );
}
