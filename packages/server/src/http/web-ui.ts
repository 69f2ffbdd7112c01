/** The web page: hashed files are cached for ever, everything else falls back to the page, whose router knows the path. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';

/** The page as it is served: everything in it is relative to its base, which is where the server is. Null when it was not built. */
export function readPage(dir: string | null, basePath: string): string | null {
  const file = join(dir ?? '', 'index.html');
  if (dir === null || !existsSync(file)) return null;
  return readFileSync(file, 'utf8').replace(/<base href="[^"]*"/, `<base href="${basePath}/"`);
}

export function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page);
}

export function webUi(dir: string, page: string): FastifyPluginAsync {
  return async (app) => {
    for (const path of ['/', '/index.html']) app.get(path, async (_request, reply) => sendPage(reply, page));
    await app.register(fastifyStatic, {
      root: dir,
      wildcard: true,
      index: false,
      cacheControl: false,
      setHeaders: (reply, path) => {
        const hashed = /[/\\]assets[/\\]/.test(path.slice(dir.length));
        reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  };
}

/** Paths of the page's own router. */
export function isPagePath(method: string, path: string, accept: string | undefined): boolean {
  if (method !== 'GET' || !(accept ?? '').includes('text/html')) return false;
  return !/^\/(?:v1|health|metrics|openapi)(?:[/.]|$)/.test(path) && !/\.[a-z0-9]+$/i.test(path);
}
