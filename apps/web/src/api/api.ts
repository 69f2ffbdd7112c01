/** The server's native API (`@holdfast/protocol`), as far as the page needs it beside the upload engine. Answers are typed, errors are `ApiError`. */
import type {
  Artifact,
  Asset,
  AssetList,
  EventList,
  Health,
  LogEvent,
  Run,
  SearchResults,
  ServerInfo,
  Session,
  UploadList,
  UploadSummary,
  WatchFolderDetails,
  WatchFolderList,
} from '@holdfast/protocol';
import { ApiError, errorFromAnswer, isApiError } from './api-error.ts';
import { createProcessingApi, type ProcessingApi } from './processing-api.ts';

export interface AssetQuery {
  readonly filename: string;
  /** Null for all. */
  readonly kind: 'video' | 'audio' | 'other' | null;
  /** Null for all. */
  readonly stage: 'running' | 'failed' | 'done' | null;
  readonly cursor: string | null;
  readonly limit: number;
}

export interface PlaceQuery extends Pick<AssetQuery, 'kind' | 'stage' | 'cursor'> {
  readonly words: string;
}

/** Of `GET /api/v1/recordings/config`, what the page goes by. */
export interface RecordingConfig {
  readonly audio_compression_enabled: boolean;
  readonly default_compression_preset: string;
  readonly preserve_original_audio: boolean;
}

export interface Api {
  server(): Promise<ServerInfo>;
  /** Who asks. */
  session(): Promise<Session>;
  /** What browsers shall do with recordings before they send them. */
  recordingConfig(): Promise<RecordingConfig>;
  health(): Promise<Health>;
  /** Uploads that wait for their file: receiving or paused. The first hundred are enough for a page. */
  unfinishedUploads(): Promise<UploadSummary[]>;
  cancelUpload(id: string): Promise<void>;
  assets(query: AssetQuery): Promise<AssetList>;
  asset(id: string): Promise<Asset>;
  /** For good. Resolves also when it was gone already. */
  deleteAsset(id: string): Promise<void>;
  /** Places where something is said or shown, best first. */
  search(query: PlaceQuery): Promise<SearchResults>;
  /** Null for those who do not look after the server. */
  watchedFolders(): Promise<WatchFolderDetails[] | null>;
  /** Newest first. */
  runs(assetId: string): Promise<Run[]>;
  run(id: string): Promise<Run>;
  retryRun(id: string): Promise<Run>;
  /** What the pipeline does, did and is to do. */
  readonly processing: ProcessingApi;
  artifacts(assetId: string): Promise<Artifact[]>;
  /** An artifact's JSON, not yet trusted. */
  json(url: string): Promise<unknown>;
  /** An artifact's text. */
  text(url: string): Promise<string>;
  /** The newest events, newest first. */
  recentEvents(limit: number): Promise<LogEvent[]>;
  /** The server answers with a cookie that this script cannot read: the key is kept nowhere. */
  signIn(apiKey: string): Promise<void>;
  signOut(): Promise<void>;
}

const hitsOnce = 24;

/** As people see it: what was cancelled is not done either, and stands with what failed. */
const stageRuns = { running: 'running', failed: 'failed,cancelled', done: 'succeeded' } as const;

function searchQuery({ words, kind, stage, cursor }: PlaceQuery): URLSearchParams {
  const query = new URLSearchParams({ q: words, kind: 'speech,screen', limit: String(hitsOnce) });
  if (kind !== null) query.set('assetKind', kind);
  if (stage !== null) query.set('run', stageRuns[stage]);
  if (cursor !== null) query.set('cursor', cursor);
  return query;
}

export interface ApiOptions {
  readonly fetch: typeof globalThis.fetch;
  /** Called on every 401 but that of a wrong key. */
  readonly onSignedOut: () => void;
}

export function createApi({ fetch, onSignedOut }: ApiOptions): Api {
  const ask = async (method: string, path: string, body?: unknown): Promise<Response> => {
    let answer: Response;
    try {
      answer = await fetch(path, {
        method,
        headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch (cause) {
      throw new ApiError('unreachable', 'The server cannot be reached.', { cause });
    }
    if (answer.ok) return answer;
    const error = errorFromAnswer(answer.status, await answer.text().catch(() => ''));
    if (error.kind === 'signed-out' && path !== '/v1/session') onSignedOut();
    throw error;
  };
  // The server and this page are built and shipped together, so its answers are taken at their word.
  const get = async <T>(path: string): Promise<T> => (await ask('GET', path)).json();

  return {
    server: () => get('/v1/server'),
    session: () => get('/v1/session'),
    recordingConfig: () => get('/api/v1/recordings/config'),
    health: () => get('/health'),
    unfinishedUploads: async () => (await get<UploadList>('/v1/uploads?state=receiving,paused&limit=100')).items,
    cancelUpload: async (id) => void (await ask('DELETE', at`/v1/uploads/${id}`)),
    assets: ({ filename, kind, stage, cursor, limit }) => {
      const query = new URLSearchParams({ limit: String(limit) });
      if (kind !== null) query.set('kind', kind);
      if (stage !== null) query.set('run', stageRuns[stage]);
      if (filename !== '') query.set('filename', filename);
      if (cursor !== null) query.set('cursor', cursor);
      return get(`/v1/assets?${query}`);
    },
    search: (query) => get(`/v1/search?${searchQuery(query)}`),
    watchedFolders: async () => {
      try {
        const { items } = await get<WatchFolderList>('/v1/watch');
        return await Promise.all(items.map(({ id }) => get<WatchFolderDetails>(at`/v1/watch/${id}`)));
      } catch (error) {
        if (isApiError(error) && error.code === 'forbidden') return null;
        throw error;
      }
    },
    asset: (id) => get(at`/v1/assets/${id}`),
    deleteAsset: async (id) => void (await ask('DELETE', at`/v1/assets/${id}`).catch(unlessGone)),
    runs: async (assetId) => (await get<{ items: Run[] }>(at`/v1/assets/${assetId}/runs`)).items,
    run: (id) => get(at`/v1/runs/${id}`),
    retryRun: async (id) => (await ask('POST', at`/v1/runs/${id}/retry`)).json(),
    processing: createProcessingApi({
      get,
      post: async (path, body) => (await ask('POST', path, body)).json(),
    }),
    artifacts: async (assetId) => (await get<{ items: Artifact[] }>(at`/v1/assets/${assetId}/artifacts`)).items,
    json: (url) => get(url),
    text: async (url) => (await ask('GET', url)).text(),
    recentEvents: async (limit) => {
      const { items } = await get<EventList>(`/v1/events?order=newest&limit=${limit}`);
      return items.toSorted((a, b) => b.id - a.id);
    },
    signIn: async (apiKey) => void (await ask('POST', '/v1/session', { apiKey })),
    signOut: async () => void (await ask('DELETE', '/v1/session')),
  };
}

/** A path whose ids cannot leave their places. */
function at(strings: TemplateStringsArray, ...ids: string[]): string {
  return String.raw({ raw: strings }, ...ids.map((id) => encodeURIComponent(id)));
}

function unlessGone(error: unknown): void {
  if (!isApiError(error) || error.code !== 'asset-not-found') throw error;
}
