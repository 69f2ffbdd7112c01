/** The web page: hashed files are cached for ever, everything else falls back to the page, whose router knows the path. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';

export function webUi(dir: string): FastifyPluginAsync {
  return async (app) => {
    if (!existsSync(join(dir, 'index.html'))) return;
    await app.register(fastifyStatic, {
      root: dir,
      wildcard: true,
      index: ['index.html'],
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
