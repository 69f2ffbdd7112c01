/** One request of `doctor`, written by hand as far as HTTP lets one: the beginning of a body, and what comes back meanwhile. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { systemClock } from '../platform/system-clock.ts';

export interface ProbeRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body that are sent; the rest of what Content-Length says never comes. 0: no body. */
  readonly firstPart?: number;
  readonly signal: AbortSignal;
  /** How long the answer may take. */
  readonly answerMs: number;
}

export type ProbeExchange =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }
  | { readonly kind: 'silence'; readonly reason: string }
  | { readonly kind: 'broken'; readonly reason: string };

/** Never rejects. */
export function sendProbe(probe: ProbeRequest): Promise<ProbeExchange> {
  const { url, method, headers, firstPart = 0, signal, answerMs } = probe;
  const start = url.protocol === 'https:' ? overHttps : overHttp;
  const request = start(url, { method, headers, agent: false, signal });
  if (firstPart > 0) request.write(Buffer.alloc(firstPart));
  else request.end();
  return exchanged(request, answerMs).finally(() => request.destroy());
}

function exchanged(request: ClientRequest, answerMs: number): Promise<ProbeExchange> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(answerMs, () => {
      resolve({ kind: 'silence', reason: `nothing came within ${answerMs / 1000} s` });
    });
    // Timers of the clock do not keep the process alive, the socket does.
    const broken = (error: Error) => {
      cancel();
      resolve({ kind: 'broken', reason: error.message });
    };
    request.on('error', broken);
    request.once('response', (response: IncomingMessage) => {
      text(response).then((body) => {
        cancel();
        resolve({ kind: 'answer', status: response.statusCode ?? 0, headers: response.headers, body });
      }, broken);
    });
  });
}
