import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { createUploadClient } from '../create-client.ts';
import type { UploadQueue } from '../queue/upload-queue.ts';
import type { UploadClient, UploadClientOptions } from '../upload-client.ts';
import type { UploaderLabels } from './labels/labels.ts';
import { UploadList } from './upload-list.ts';

interface UploadScope {
  readonly client: UploadClient | null;
  readonly list: UploadList;
  readonly queue: UploadQueue | null;
  readonly labels: UploaderLabels | null;
}

const ScopeContext = createContext<UploadScope | null>(null);

export function useUploadScope(): UploadScope | null {
  return useContext(ScopeContext);
}

export interface ClientChoice {
  /** A client of your own. */
  readonly client?: UploadClient | undefined;
  /** Or where the server is (`''`: the page's own origin); a client is made and kept as long as this stays the same. */
  readonly endpoint?: string | undefined;
  /** For `endpoint`: awaited before every request. May be a new function at every render. */
  readonly getHeaders?: UploadClientOptions['getHeaders'] | undefined;
}

/** The client that was passed, or one for the endpoint; null when neither was given. */
export function useOwnClient({ client, endpoint, getHeaders }: ClientChoice): UploadClient | null {
  const headers = useRef(getHeaders);
  useEffect(() => {
    headers.current = getHeaders;
  });
  // A client holds nothing before its first upload, so that making one that is thrown away again does no harm.
  const made = useMemo(() => {
    if (client !== undefined || endpoint === undefined) return null;
    return createUploadClient({ endpoint, getHeaders: (context) => headers.current?.(context) ?? {} });
  }, [client, endpoint]);
  return client ?? made;
}

/** The client of the provider, or one for what is given here. Throws where there is neither. */
export function useUploadClient(choice: ClientChoice = {}): UploadClient {
  const own = useOwnClient(choice);
  const scope = useUploadScope();
  const client = own ?? scope?.client;
  if (!client)
    throw new Error('There is no upload client: pass `client` or `endpoint`, or wrap it in <UploadProvider>.');
  return client;
}

export interface UploadProviderProps extends ClientChoice {
  /** For `useUploadQueue` and the recorder. Started when the provider is mounted; closing it is left to who made it. */
  readonly queue?: UploadQueue | undefined;
  readonly labels?: UploaderLabels | undefined;
  readonly children?: ReactNode;
}

/** Shares a client, its list of uploads, a queue and the labels with everything below it. */
export function UploadProvider({ queue, labels, children, ...choice }: UploadProviderProps): ReactNode {
  const client = useOwnClient(choice);
  const latest = useRef(client);
  useEffect(() => {
    latest.current = client;
  });
  const [list] = useState(
    () =>
      new UploadList(() => {
        if (latest.current === null) throw new Error('<UploadProvider> has no client: pass `client` or `endpoint`.');
        return latest.current;
      }),
  );
  useEffect(() => {
    // What goes wrong with the storage is in the queue's snapshot. Who made the queue closes it: uploads outlive components.
    queue?.start().catch(() => {});
  }, [queue]);
  const scope = useMemo(
    () => ({ client, list, queue: queue ?? null, labels: labels ?? null }),
    [client, list, queue, labels],
  );
  return <ScopeContext.Provider value={scope}>{children}</ScopeContext.Provider>;
}
