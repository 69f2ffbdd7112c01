/** The server's JSON, for commands that ask instead of upload. */
import type { Artifact, Asset, Problem, Run, Upload, UploadList } from '@holdfast/protocol';
import { CommandFailed, exitCodes } from './io.ts';

export interface ServerAccess {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey: string | undefined;
}

export const defaultServer = 'http://127.0.0.1:8080';
const requestMsMax = 30_000;

/** From the flags and the environment. @throws CommandFailed (usage) when the URL is none. */
export function serverAccess(
  flags: { readonly server?: string; readonly apiKey?: string },
  env: Readonly<Record<string, string | undefined>>,
): ServerAccess {
  const text = flags.server ?? env['HOLDFAST_SERVER'] ?? defaultServer;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandFailed(`"${text}" is not the URL of a server, such as ${defaultServer}.`, exitCodes.usage);
  }
  return { url: text.replace(/\/+$/, ''), apiKey: flags.apiKey ?? env['HOLDFAST_API_KEY'] };
}

export function authorisation({ apiKey }: ServerAccess): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
}

export class ApiClient {
  readonly #access: ServerAccess;
  readonly #signal: AbortSignal;

  constructor(access: ServerAccess, signal: AbortSignal) {
    this.#access = access;
    this.#signal = signal;
  }

  upload(id: string): Promise<Upload> {
    return this.#get(`/v1/uploads/${encodeURIComponent(id)}`);
  }

  /** Uploads that are not ended, newest first. */
  async liveUploads(): Promise<UploadList['items']> {
    const items: UploadList['items'] = [];
    const path = '/v1/uploads?state=receiving,paused,validating,assembling&limit=200';
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: UploadList = await this.#get(cursor === '' ? path : `${path}&cursor=${encodeURIComponent(cursor)}`);
      items.push(...page.items);
      cursor = page.cursor;
    }
    return items;
  }

  asset(id: string): Promise<Asset> {
    return this.#get(`/v1/assets/${id}`);
  }

  async runs(assetId: string): Promise<Run[]> {
    return (await this.#get<{ items: Run[] }>(`/v1/assets/${assetId}/runs`)).items;
  }

  async artifacts(assetId: string): Promise<Artifact[]> {
    return (await this.#get<{ items: Artifact[] }>(`/v1/assets/${assetId}/artifacts`)).items;
  }

  /** @throws CommandFailed with the server's words, or with `unreachable`. */
  async #get<T>(path: string): Promise<T> {
    const { url } = this.#access;
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(requestMsMax)]);
      const response = await fetch(url + path, { headers: authorisation(this.#access), signal });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      if (this.#signal.aborted) throw new CommandFailed('', exitCodes.interrupted);
      throw new CommandFailed(`${url} does not answer (${reason(cause)}).`, exitCodes.unreachable);
    }
    const value = parse(text);
    if (status === 200 && value !== null) return value as T;
    const { detail = `${url} answered with status ${status}.` } = (value ?? {}) as Partial<Problem>;
    const hint = status === 401 ? ' (--api-key or HOLDFAST_API_KEY)' : '';
    throw new CommandFailed(detail + hint, exitCodes.failed);
  }
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** fetch says "fetch failed" and puts what happened into the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : error.message;
}
