import { useCallback } from 'react';
import type { UploadSnapshot } from '../snapshot.ts';
import type { AddOptions } from '../upload-client.ts';
import type { UploadHandle } from '../upload-handle.ts';
import type { UploadSource } from '../upload-source.ts';
import type { Watchable } from '../watchable.ts';
import { useUploadScope } from './upload-provider.tsx';
import { type Equality, useWatchable } from './use-watchable.ts';

const same = <T>(value: T): T => value;
const stateOf = (snapshot: UploadSnapshot | null) => snapshot?.state;
const nothing: Watchable<null> = { snapshot: null, subscribe: () => () => {} };
const noUploads: Watchable<readonly UploadHandle[]> = { snapshot: [], subscribe: () => () => {} };

/**
 * An upload as it is now: of a handle, or of the id of one that this provider's `useUploads` began. Null when there is none. With a
 * selector, the component is drawn again only when the selected part changed: `useUpload(id, (upload) => upload.progress)`.
 */
export function useUpload(upload: UploadHandle | string | null): UploadSnapshot | null;
export function useUpload<S>(
  upload: UploadHandle | string | null,
  selector: (snapshot: UploadSnapshot) => S,
  isEqual?: Equality<S | null>,
): S | null;
export function useUpload<S>(
  upload: UploadHandle | string | null,
  selector: (snapshot: UploadSnapshot) => S = same as (snapshot: UploadSnapshot) => S,
  isEqual?: Equality<S | null>,
): S | null {
  // A handle needs no list, and hundreds of rows need not hear of each other.
  const handles = useList(typeof upload === 'string');
  const handle = typeof upload === 'string' ? handles.find(({ id }) => id === upload) : upload;
  const select = useCallback(
    (snapshot: UploadSnapshot | null) => (snapshot === null ? null : selector(snapshot)),
    [selector],
  );
  const source: Watchable<UploadSnapshot | null> = handle ?? nothing;
  return useWatchable(source, { selector: select, isEqual, urgencyOf: stateOf });
}

export interface Uploads {
  /** In the order in which they were added. The same array until one was added or removed. */
  readonly uploads: readonly UploadHandle[];
  add(source: UploadSource | Blob, options?: AddOptions): UploadHandle;
  /** Takes it off the list; cancels it first if it is not over. */
  remove(upload: UploadHandle): void;
  /** Takes the completed and cancelled ones off the list. */
  removeFinished(): void;
}

/** The uploads of the provider. They go on when the component that began them is gone. */
export function useUploads(): Uploads {
  const uploads = useList(true);
  const list = useUploadScope()?.list;
  if (!list) throw new Error('useUploads needs an <UploadProvider> above it.');
  return { uploads, add: list.add, remove: list.remove, removeFinished: list.removeFinished };
}

function useList(wanted: boolean): readonly UploadHandle[] {
  const list = useUploadScope()?.list;
  const source: Watchable<readonly UploadHandle[]> = wanted && list ? list : noUploads;
  return useWatchable(source, { selector: same, urgencyOf: same });
}
