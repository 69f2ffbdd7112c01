/**
 * The server under a path of its host, such as /holdfast. Requests are taken with the prefix and without it, so that it does not matter
 * whether a proxy takes it off. Routes and dialects know nothing of it: they write addresses from the root, and what leaves gets the prefix.
 */
import type { FastifyInstance } from 'fastify';

/** The address of a request as routes know it. */
export function withoutBase(basePath: string, url: string): string {
  if (!url.startsWith(basePath)) return url;
  const rest = url.slice(basePath.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : url;
}

/** Prefixes `Location` and the addresses in JSON answers. Every address is path-absolute, so that scheme and host are the client's own. */
export function addressesUnder(app: FastifyInstance, basePath: string): void {
  if (basePath === '') return;
  app.addHook<unknown>('preSerialization', (_request, _reply, payload, done) =>
    done(null, prefixed(payload, basePath)),
  );
  app.addHook('onSend', (_request, reply, payload, done) => {
    const location = reply.getHeader('location');
    if (typeof location === 'string') reply.header('location', underBase(location, basePath));
    done(null, payload);
  });
}

export function underBase(address: string, basePath: string): string {
  const absolute = address.startsWith('/') && !address.startsWith('//');
  return absolute && !address.startsWith(`${basePath}/`) ? basePath + address : address;
}

/** What of an answer has addresses too: lists, and where one dialect has several of them together. */
const within = ['items', 'recordings', 'upload_urls'];

/**
 * The addresses of an answer are its `url`, `…Url` and `…_url`, and those `within` it. Elsewhere there are words of clients, which are left
 * as they are.
 */
function prefixed(payload: unknown, basePath: string): unknown {
  if (!isObject(payload)) return payload;
  const below = (part: unknown) => (isObject(part) ? withAddresses(part, basePath) : part);
  const own = withAddresses(payload, basePath);
  for (const name of within) {
    const part = own[name];
    if (part !== undefined) own[name] = Array.isArray(part) ? part.map(below) : below(part);
  }
  return own;
}

function withAddresses(object: Readonly<Record<string, unknown>>, basePath: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      const isAddress = typeof value === 'string' && /^url$|Url$|_url$/.test(name);
      return [name, isAddress ? underBase(value, basePath) : value];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
