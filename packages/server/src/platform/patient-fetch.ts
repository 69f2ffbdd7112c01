/** `fetch` for servers of models: they answer when they are through, and by itself `fetch` waits five minutes for the first word and for each next one. */
import type { Dispatcher } from 'undici';

/** As long as the signal of a request lets it. */
const patience = { headersTimeout: 0, bodyTimeout: 0 } as const;
let connections: Promise<Dispatcher> | null = null;

export async function patientFetch(url: string, init: RequestInit): Promise<Response> {
  connections ??= connect();
  const dispatcher = await connections;
  // The types of Node.js are those of another version.
  return await fetch(url, { ...init, dispatcher: dispatcher as unknown as NonNullable<RequestInit['dispatcher']> });
}

/** Loaded by those who ask such a server, and not by every one that starts. */
async function connect(): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici');
  // Whoever has Node.js go through a proxy has these requests go there too.
  return process.env['NODE_USE_ENV_PROXY'] === '1' ? new EnvHttpProxyAgent(patience) : new Agent(patience);
}
