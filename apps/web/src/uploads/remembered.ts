/**
 * Which upload belongs to which file on this machine, across visits. Only ids and names are kept, never content, and only
 * while the upload is unfinished: what was forgotten is found again through the server's list.
 */

export interface FileIdentity {
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
}

export interface RememberedUploads {
  find(file: FileIdentity): string | null;
  /** When the file was changed last, as it was when the upload began; null for an upload of another browser. */
  lastModifiedOf(uploadId: string): number | null;
  remember(file: FileIdentity, uploadId: string): void;
  forget(uploadId: string): void;
}

interface Entry {
  readonly key: string;
  readonly uploadId: string;
  readonly lastModified: number;
}

const storageKey = 'holdfast.unfinished';
// An upload expires on the server after a day by default; more than this many are not waiting at once.
const entriesMax = 500;

/** `storage` is null where the browser refuses it (private windows, blocked cookies): then nothing is remembered. */
export function createRememberedUploads(storage: Storage | null): RememberedUploads {
  const read = (): Entry[] => {
    try {
      const parsed: unknown = JSON.parse(storage?.getItem(storageKey) ?? '[]');
      return Array.isArray(parsed) ? parsed.filter(isEntry) : [];
    } catch {
      return [];
    }
  };
  const write = (entries: readonly Entry[]) => {
    try {
      storage?.setItem(storageKey, JSON.stringify(entries.slice(-entriesMax)));
    } catch {
      // Full or refused: the server's list still knows the upload.
    }
  };
  return {
    find: (file) => read().find((entry) => entry.key === keyOf(file))?.uploadId ?? null,
    lastModifiedOf: (uploadId) => read().find((entry) => entry.uploadId === uploadId)?.lastModified ?? null,
    remember(file, uploadId) {
      const key = keyOf(file);
      const others = read().filter((entry) => entry.key !== key && entry.uploadId !== uploadId);
      write([...others, { key, uploadId, lastModified: file.lastModified }]);
    },
    forget(uploadId) {
      const entries = read();
      const rest = entries.filter((entry) => entry.uploadId !== uploadId);
      if (rest.length !== entries.length) write(rest);
    },
  };
}

function keyOf(file: FileIdentity): string {
  return `${file.size}:${file.lastModified}:${file.name}`;
}

function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'key') === 'string' &&
    typeof Reflect.get(value, 'uploadId') === 'string' &&
    typeof Reflect.get(value, 'lastModified') === 'number'
  );
}
