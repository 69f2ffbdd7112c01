/**
 * Reads artifacts once. What is under an artifact's address never changes, so what was read keeps its identity while the asset is loaded
 * again and again during processing, and nothing of it is parsed or drawn anew.
 */
import type { Artifact } from '@holdfast/protocol';
import type { Api } from '../api/api.ts';
import { type ApiError, isApiError } from '../api/api-error.ts';

export interface ArtifactReader {
  /** Null without an artifact, and when it is gone since it was listed. Rejects when the server cannot be asked. */
  json<T>(artifact: Artifact | null, read: (json: unknown) => T): Promise<T | null>;
  text<T>(artifact: Artifact | null, read: (text: string) => T): Promise<T | null>;
  /** Something made of several; `key` says of what. */
  made<T>(key: string, make: () => T): T;
}

export function createArtifactReader(api: Pick<Api, 'json' | 'text'>): ArtifactReader {
  const loads = new Map<string, Promise<unknown>>();
  const things = new Map<string, unknown>();
  const once = (url: string, load: () => Promise<unknown>): Promise<unknown> => {
    const known = loads.get(url);
    if (known !== undefined) return known;
    const loading = load().catch((error: unknown) => {
      if (isApiError(error) && isGone(error)) return null;
      loads.delete(url);
      throw error;
    });
    loads.set(url, loading);
    return loading;
  };
  const made = <T>(key: string, make: () => T): T => {
    if (!things.has(key)) things.set(key, make());
    return things.get(key) as T;
  };
  return {
    json: async (artifact, read) => {
      if (artifact === null) return null;
      const json = await once(artifact.url, () => api.json(artifact.url));
      return json === null ? null : made(artifact.url, () => read(json));
    },
    text: async (artifact, read) => {
      if (artifact === null) return null;
      const text = await once(artifact.url, () => api.text(artifact.url));
      return typeof text === 'string' ? made(artifact.url, () => read(text)) : null;
    },
    made,
  };
}

function isGone(error: ApiError): boolean {
  return error.kind === 'not-found';
}
