/** The server's JSON, for commands that ask instead of upload. */
import {
  type ApplyPipelines,
  Artifact,
  Asset,
  type Pipeline,
  PipelineList,
  PipelinePlan,
  type PlanPipelines,
  type RetryWebhooks,
  Run,
  Upload,
  UploadList,
  type WebhookDelivery,
  WebhookDeliveryList,
  type WebhookEndpoint,
  WebhookEndpointList,
  WebhooksRetried,
  WebhookTested,
} from '@holdfast/protocol';
import { type TSchema, Type } from 'typebox';
import { hasShape } from './answer-shape.ts';
import { safeText } from './format-text.ts';
import { CommandFailed, exitCodes } from './io.ts';
import { whyNoAnswer } from './no-answer.ts';

/** A question to the server. */
export interface Question {
  /** What the answer has to be. */
  readonly answer: TSchema;
  readonly body?: object;
}

export interface ServerAccess {
  /** Without a slash at the end, and without credentials: it is shown. */
  readonly url: string;
  /** Of the URL, for a proxy in between, as Basic takes them; '' without any. */
  readonly userinfo: string;
  readonly apiKey: string | undefined;
}

export const defaultServer = 'http://127.0.0.1:8080';
/** Longer than the server lets any webhook take. */
const requestMsMax = 75_000;
/** The ones for which an upload waits, too. */
const busyStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** From the flags and the environment, where an empty variable counts as none. @throws CommandFailed (usage) when the URL is none, or the key cannot be sent. */
export function serverAccess(
  flags: { readonly server?: string; readonly apiKey?: string },
  env: Readonly<Record<string, string | undefined>>,
): ServerAccess {
  const text = flags.server ?? (env['HOLDFAST_SERVER'] || defaultServer);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandFailed(`"${text}" is not the URL of a server, such as ${defaultServer}.`, exitCodes.usage);
  }
  if (/[?#]/.test(text))
    throw new CommandFailed(
      'The URL of a server ends before ? and #: what is asked is put behind it.',
      exitCodes.usage,
    );
  const apiKey = flags.apiKey ?? (env['HOLDFAST_API_KEY'] || undefined);
  if (apiKey === '') throw new CommandFailed('The API key of --api-key is empty.', exitCodes.usage);
  // Told apart here, or it would seem to be a server that does not answer. Not repeated: it is a secret.
  if (apiKey !== undefined && !/^[\t\x20-\x7e\x80-\xff]+$/.test(apiKey))
    throw new CommandFailed(
      'The API key has a character that no request can carry: a line break (also the \\r of a file from Windows), or a letter beyond Latin-1.',
      exitCodes.usage,
    );
  const userinfo = url.username + url.password === '' ? '' : `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = '';
  url.password = '';
  return { url: (userinfo === '' ? text : url.href).replace(/\/+$/, ''), userinfo, apiKey };
}

/** Of a URL; as it is where a % is only a %. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The server cannot be used now: nothing answers, or it says that it has no room. Waiting can help. */
export class ServerAway extends CommandFailed {
  /** `busy`: it answered. */
  readonly reason: 'unreachable' | 'busy';
  /** As long as it asks us to wait, in ms. */
  readonly retryAfterMs: number | null;

  constructor(message: string, reason: ServerAway['reason'], retryAfterMs: number | null = null) {
    super(message, reason === 'busy' ? exitCodes.failed : exitCodes.unreachable);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

export function authorisation({ apiKey, userinfo }: ServerAccess): Record<string, string> {
  if (apiKey !== undefined) return { authorization: `Bearer ${apiKey}` };
  return userinfo === '' ? {} : { authorization: `Basic ${Buffer.from(userinfo).toString('base64')}` };
}

export class ApiClient {
  readonly #access: ServerAccess;
  readonly #signal: AbortSignal;

  constructor(access: ServerAccess, signal: AbortSignal) {
    this.#access = access;
    this.#signal = signal;
  }

  upload(id: string): Promise<Upload> {
    return this.#get(`/v1/uploads/${encodeURIComponent(id)}`, Upload);
  }

  /** Uploads that are not ended, newest first. */
  async liveUploads(): Promise<UploadList['items']> {
    const items: UploadList['items'] = [];
    const path = '/v1/uploads?state=receiving,paused,validating,assembling&limit=200';
    for (let cursor: string | null = ''; cursor !== null; ) {
      const next = cursor === '' ? path : `${path}&cursor=${encodeURIComponent(cursor)}`;
      const page: UploadList = await this.#get(next, UploadList);
      items.push(...page.items);
      cursor = page.cursor;
    }
    return items;
  }

  asset(id: string): Promise<Asset> {
    return this.#get(`/v1/assets/${id}`, Asset);
  }

  async runs(assetId: string): Promise<Run[]> {
    return (await this.#get<{ items: Run[] }>(`/v1/assets/${assetId}/runs`, itemsOf(Run))).items;
  }

  async artifacts(assetId: string): Promise<Artifact[]> {
    return (await this.#get<{ items: Artifact[] }>(`/v1/assets/${assetId}/artifacts`, itemsOf(Artifact))).items;
  }

  async webhooks(): Promise<WebhookEndpoint[]> {
    return (await this.#get<WebhookEndpointList>('/v1/webhooks', WebhookEndpointList)).items;
  }

  /** At most `max`, newest events first. */
  async webhookFailures(endpoint: string | undefined, max: number): Promise<WebhookDelivery[]> {
    const items: WebhookDelivery[] = [];
    const query = new URLSearchParams({ limit: String(Math.min(max, 200)) });
    if (endpoint !== undefined) query.set('endpoint', endpoint);
    for (let cursor: string | null = ''; cursor !== null && items.length < max; ) {
      if (cursor !== '') query.set('cursor', cursor);
      const page: WebhookDeliveryList = await this.#get(`/v1/webhooks/failures?${query}`, WebhookDeliveryList);
      items.push(...page.items);
      cursor = page.cursor;
    }
    return items.slice(0, max);
  }

  async retryWebhooks(order: RetryWebhooks): Promise<number> {
    return (await this.ask<WebhooksRetried>('POST', '/v1/webhooks/retry', { answer: WebhooksRetried, body: order }))
      .retried;
  }

  testWebhook(endpoint: string): Promise<WebhookTested> {
    return this.ask('POST', '/v1/webhooks/test', { answer: WebhookTested, body: { endpoint } });
  }

  async pipelines(): Promise<Pipeline[]> {
    return (await this.#get<PipelineList>('/v1/pipelines', PipelineList)).items;
  }

  planPipelines(order: PlanPipelines): Promise<PipelinePlan> {
    return this.ask('POST', '/v1/pipelines/plan', { answer: PipelinePlan, body: order });
  }

  applyPipelines(order: ApplyPipelines): Promise<PipelinePlan> {
    return this.ask('POST', '/v1/pipelines/apply', { answer: PipelinePlan, body: order });
  }

  /** For good. */
  async deleteAsset(id: string): Promise<void> {
    await this.ask('DELETE', `/v1/assets/${id}`, { answer: Type.Null() });
  }

  #get<T>(path: string, answer: TSchema): Promise<T> {
    return this.ask('GET', path, { answer });
  }

  /** For what has no method of its own here. @throws CommandFailed with the server's words, or with `unreachable`. */
  async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, { answer, body }: Question): Promise<T> {
    const { url } = this.#access;
    let response: Response;
    let text: string;
    try {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(requestMsMax)]);
      const content = body === undefined ? {} : { body: JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const headers = { ...authorisation(this.#access), ...type };
      response = await fetch(url + path, { method, headers, signal, ...content });
      text = await response.text();
    } catch (cause) {
      if (this.#signal.aborted) throw new CommandFailed('', exitCodes.interrupted);
      throw new ServerAway(`${url} does not answer: ${whyNoAnswer(cause, url)}.`, 'unreachable');
    }
    const value = response.status === 204 ? null : parse(text);
    if (goodStatuses.has(response.status) && hasShape(value, answer)) return value as T;
    throw this.#refusal(response, value);
  }

  /** What an answer that is of no use says. */
  #refusal(response: Response, value: unknown): CommandFailed {
    const { url } = this.#access;
    const { status, redirected } = response;
    if (response.ok) {
      const place = redirected ? `${url} leads to ${response.url}, which` : url;
      return new CommandFailed(`${place} answers, but not as Holdfast. Check the address.`, exitCodes.failed);
    }
    const said = hasShape(value, Said)
      ? safeText((value as { detail: string }).detail)
      : `${url} answered with status ${status}.`;
    // Neither keys nor orders are sent on by fetch.
    const moved = redirected ? ` (${url} leads to ${response.url}: give that address)` : '';
    if (busyStatuses.has(status)) return new ServerAway(said + moved, 'busy', retryAfterMs(response));
    const hint = status === 401 && !redirected ? ' (--api-key or HOLDFAST_API_KEY)' : '';
    return new CommandFailed(said + hint + moved, exitCodes.failed);
  }
}

/** 204 is an answer of nothing. */
const goodStatuses = new Set([200, 202, 204]);

/** Of a problem document. */
const Said = Type.Object({ detail: Type.String() });

function itemsOf(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item) });
}

/** `Retry-After` in seconds, as Holdfast and proxies write it. */
function retryAfterMs({ headers }: Response): number | null {
  const text = headers.get('retry-after') ?? '';
  return /^\d+$/.test(text) ? Number(text) * 1_000 : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
