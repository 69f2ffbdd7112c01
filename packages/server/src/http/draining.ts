/** How the server lets go of its connections when it stops. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../core/ports/clock.ts';

/** How long running requests have to end. */
export const drainMs = 10_000;

/**
 * Watches connections from now on; the returned function stops taking requests, lets running ones end for a while, then cuts them off.
 * node:http by itself waits for connections that never sent a request (browsers keep some open) and for those whose request ended
 * after the stop.
 */
export function draining(app: FastifyInstance, clock: Clock): () => Promise<void> {
  const unused = new Set<Socket>();
  let stopping = false;
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    unused.delete(socket);
    response.once('finish', () => {
      if (stopping) socket.end();
    });
  });
  return async () => {
    stopping = true;
    const cancel = clock.after(drainMs, () => app.server.closeAllConnections());
    for (const socket of unused) socket.destroy();
    await app.close().finally(cancel);
  };
}
