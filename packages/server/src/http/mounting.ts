/**
 * The server inside of a program of somebody else, which has taken the request with a `node:http` server of its own. Connections and their
 * times are that server's; what has to be otherwise for bodies and downloads that take hours is set or said here.
 */
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import { drainMs } from './draining.ts';
import { announcesBody } from './early-answers.ts';
import { refuse } from './errors.ts';

export interface Mount {
  /** For any `node:http` server, Express's `app.use(basePath, handle)`, or whatever else has the request and its answer in hand. */
  readonly handle: RequestListener;
  /** Waits until what is being answered has ended; cuts it off when that takes too long. */
  drain(): Promise<void>;
}

export interface MountOptions {
  readonly basePath: string;
  readonly clock: Clock;
  readonly log: FastifyBaseLogger;
  /** A connection on which neither side sends for this long is closed. */
  readonly silentConnectionMs: number;
}

/** What programs and their frameworks add to a request. */
interface Brought extends IncomingMessage {
  /** Express: the path at which a router is mounted. */
  readonly baseUrl?: string;
  readonly socket: Socket & { readonly server?: { readonly requestTimeout?: number; readonly timeout?: number } };
}

export function mountable(app: FastifyInstance, { basePath, clock, log, silentConnectionMs }: MountOptions): Mount {
  const running = new Set<ServerResponse>();
  const warnOnce = warning(log);

  const handle = (request: Brought, response: ServerResponse) => {
    const mistake = mistakeIn(request, basePath);
    if (mistake !== null) {
      log.error({ url: request.url }, mistake);
      return refuse(response, 500, new HoldfastError('internal', mistake));
    }
    running.add(response);
    response.once('close', () => running.delete(response));
    const { server } = request.socket;
    // Until the next request, for which node:http sets it anew.
    if (!server?.timeout) request.socket.setTimeout(silentConnectionMs);
    if (server?.requestTimeout) warnOnce(server.requestTimeout);
    app.ready().then(
      () => app.routing(request, response),
      (error: unknown) => {
        log.error({ err: error }, 'the routes could not be made ready');
        refuse(response, 500, new HoldfastError('internal', 'The server could not start; its log says why.'));
      },
    );
  };

  const drain = async () => {
    const cancel = clock.after(drainMs, () => {
      for (const { socket } of running) socket?.destroy();
    });
    while (running.size > 0) await Promise.all([...running].map((response) => once(response, 'close')));
    cancel();
  };
  return { handle, drain };
}

/** What the program does that cannot work, in words for whoever writes it; null: nothing. */
function mistakeIn(request: Brought, basePath: string): string | null {
  if (request.httpVersionMajor !== 1)
    return 'Holdfast is mounted in an HTTP/2 server, and speaks HTTP/1.1: let a proxy in front speak HTTP/2 with clients.';
  if (request.readableDidRead && announcesBody(request))
    return 'Something in this program has read the body of the request before Holdfast, a body parser perhaps: mount Holdfast in front of it.';
  const { baseUrl = '' } = request;
  // A proxy in front may have taken off what comes before.
  if (!basePath.toLowerCase().endsWith(baseUrl.toLowerCase()))
    return `Holdfast is mounted at ${baseUrl}, but its setting basePath is "${basePath}": the addresses that it answers with would lead elsewhere. Give both the same path.`;
  return null;
}

function warning(log: FastifyBaseLogger): (requestTimeoutMs: number) => void {
  let said = false;
  return (requestTimeoutMs) => {
    if (said) return;
    said = true;
    log.warn(
      { requestTimeoutMs },
      `the program's HTTP server cuts off requests after ${requestTimeoutMs / 1000} s, also bodies that are still coming: set its requestTimeout to 0, Holdfast has limits of its own`,
    );
  };
}
