/** Guards in front of every request: its headers, and other people's web pages that use a visitor's browser to talk to this server. */
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';

/** More than any client sends. node:http would drop those beyond its own limit in silence. */
const headersMax = 100;

export async function headerGuard({ raw }: FastifyRequest): Promise<void> {
  const headers = raw.rawHeaders.length / 2;
  if (headers > headersMax)
    throw new HoldfastError('invalid-request', `The request has ${headers} headers; at most ${headersMax} are taken.`);
}

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);
const loopbackAddress = /^(?:::ffff:)?127\.|^::1$/;

/**
 * Without credentials, only loopback names are answered: a rebound DNS name would otherwise open the server to any page. And only at loopback
 * addresses: a program that the server is mounted in may listen on others.
 */
export function hostGuard(open: boolean): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (!open) return;
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    // A socket of the file system has no address.
    const { localAddress, destroyed } = request.raw.socket;
    const here = !destroyed && (localAddress === undefined || loopbackAddress.test(localAddress));
    if (!here || !loopbackHosts.has(host))
      throw new HoldfastError(
        'forbidden',
        'Without API keys this server only answers to localhost. Configure an API key to use another name.',
      );
  };
}

/** A request that changes something and names a foreign origin is refused, unless that origin is allowed. */
export function originGuard(allowed: readonly string[]): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const { origin } = request.headers;
    if (origin === undefined || request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS')
      return;
    const own = `${request.protocol}://${request.host}`;
    if (origin !== own && !allowed.includes(origin))
      throw new HoldfastError(
        'forbidden',
        `Requests from ${origin.slice(0, 200)} are not allowed; add it to the allowed origins.`,
      );
  };
}
