/** `fetch` for servers of models: they answer when they are through, and by itself `fetch` waits five minutes for the first word and for each next one. */
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';

/** As long as the signal of a request lets it. */
const patience = { headersTimeout: 0, bodyTimeout: 0 } as const;
let dispatcher: Dispatcher | null = null;

export function patientFetch(url: string, init: RequestInit): Promise<Response> {
  // Whoever has Node.js go through a proxy has these requests go there too.
  const proxied = process.env['NODE_USE_ENV_PROXY'] === '1';
  dispatcher ??= proxied ? new EnvHttpProxyAgent(patience) : new Agent(patience);
  // The types of Node.js are those of another version.
  return fetch(url, { ...init, dispatcher: dispatcher as unknown as NonNullable<RequestInit['dispatcher']> });
}
