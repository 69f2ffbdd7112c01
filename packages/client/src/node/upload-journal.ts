/**
 * Remembers which upload a file belongs to, so that a new run goes on where the last one was stopped. One small JSON file an
 * entry, written whole or not at all; an entry is for one state of one file at one server, so a changed file begins anew.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Entries are kept so long, in ms; servers forget unfinished uploads sooner. */
export const journalEntryMsMax = 7 * 24 * 60 * 60_000;

export interface JournalKey {
  readonly endpoint: string;
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

export interface UploadJournal {
  /** The upload that was remembered for this file; null when there is none (or its entry cannot be read). */
  find(key: JournalKey): Promise<string | null>;
  /** Durable when it resolves. @throws file system errors */
  remember(key: JournalKey, uploadId: string): Promise<void>;
  /** Idempotent. */
  forget(key: JournalKey): Promise<void>;
  /** Removes entries older than 7 days. Returns how many. */
  sweep(): Promise<number>;
}

interface Entry extends JournalKey {
  readonly uploadId: string;
}

/** `now`: milliseconds since the epoch. The directory is made when first needed. */
export function uploadJournal(directory: string, now: () => number): UploadJournal {
  const file = (key: JournalKey) => join(directory, `${entryName(key)}.json`);
  return {
    async find(key) {
      const entry = await readEntry(file(key));
      return entry !== null && sameKey(entry, key) ? entry.uploadId : null;
    },
    async remember(key, uploadId) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const { endpoint, path, size, mtimeMs } = key;
      const entry: Entry = { endpoint, path, size, mtimeMs, uploadId };
      await writeAtomically(directory, file(key), `${JSON.stringify(entry)}\n`);
    },
    async forget(key) {
      await rm(file(key), { force: true });
    },
    async sweep() {
      let removed = 0;
      for (const name of await readdir(directory).catch(() => [])) {
        // Temporary files of a process that was killed age just the same.
        if (!/\.(json|tmp)$/.test(name)) continue;
        const path = join(directory, name);
        const age = await stat(path)
          .then((s) => now() - s.mtimeMs)
          .catch(() => 0);
        if (age <= journalEntryMsMax) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

function entryName({ endpoint, path, size, mtimeMs }: JournalKey): string {
  return createHash('sha256')
    .update(JSON.stringify([endpoint, path, size, mtimeMs]))
    .digest('hex')
    .slice(0, 32);
}

function sameKey(a: JournalKey, b: JournalKey): boolean {
  return a.endpoint === b.endpoint && a.path === b.path && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

async function readEntry(path: string): Promise<Entry | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isEntry(value) ? value : null;
  } catch {
    // Not there, or damaged: the file is sent from the beginning, which is always right.
    return null;
  }
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'uploadId' in value && typeof value.uploadId === 'string';
}

/** Temporary file → sync → rename → sync of the directory. */
async function writeAtomically(directory: string, path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
