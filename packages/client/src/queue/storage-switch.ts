/**
 * IndexedDB as long as it can be had. Safari loses its connection now and then: it is opened again once; if that does not help, the queue
 * goes on in memory and says so. Errors that are about the data (no room, an unreadable Blob) are the caller's.
 */
import { openIdbStore } from './idb-store.ts';
import { createMemoryStore } from './memory-store.ts';
import type { TallyRow, UploadRow } from './queue-row.ts';
import type { QueueStore } from './queue-store.ts';

const connectionErrors: ReadonlySet<string> = new Set([
  'InvalidStateError',
  'UnknownError',
  'AbortError',
  'TransactionInactiveError',
  'SecurityError',
  'VersionError',
]);

export interface StorageSwitchOptions {
  readonly databaseName: string;
  /** What is known without the database, to go on with. */
  readonly known: () => { readonly rows: readonly UploadRow[]; readonly tally: TallyRow };
  /** From now on in memory; `reason` is for people. */
  readonly onDegraded: (reason: string) => void;
}

export interface SwitchedStorage {
  /** Does something with the store. @throws errors that are about the data. */
  use<T>(work: (store: QueueStore) => Promise<T>): Promise<T>;
  close(): void;
}

export function openStorage(options: StorageSwitchOptions): SwitchedStorage {
  let memory: QueueStore | null = null;
  let open: Promise<QueueStore> | null = null;
  const connect = () => {
    open ??= openIdbStore(options.databaseName, () => {
      open = null;
    });
    return open;
  };
  const degrade = (error: unknown) => {
    if (memory !== null) return;
    const { rows, tally } = options.known();
    memory = createMemoryStore(rows, [tally]);
    options.onDegraded(error instanceof Error ? error.message : String(error));
  };
  return {
    async use(work) {
      for (let attempt = 1; memory === null; attempt += 1) {
        const connection = connect();
        try {
          return await work(await connection);
        } catch (error) {
          if (!isConnectionLoss(error)) throw error;
          // Others may have opened it again already.
          if (open === connection) open = null;
          void connection.then((store) => store.close()).catch(() => {});
          if (attempt < 2) continue;
          // A database that answers is not lost: then it was about the data.
          if (await answers(connect)) throw error;
          degrade(error);
        }
      }
      return work(memory);
    },
    close: () => {
      void open?.then((store) => store.close()).catch(() => {});
      open = null;
    },
  };
}

/** No IndexedDB at all is a ReferenceError. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof ReferenceError) return true;
  return error instanceof DOMException && connectionErrors.has(error.name);
}

/** Whether there is no room for more. */
export function isQuotaError(error: unknown): boolean {
  return error instanceof DOMException && (error.name === 'QuotaExceededError' || /quota/i.test(error.message));
}

async function answers(connect: () => Promise<QueueStore>): Promise<boolean> {
  try {
    await (await connect()).row('');
    return true;
  } catch {
    return false;
  }
}
