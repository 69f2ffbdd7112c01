/** /v1/probe: tells `holdfast doctor` what of a request arrives here, so that it can say what a proxy on the way does to it. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { type ProbeAnswer, probeAnswerHeaders, probedHeaders, probeEventGapMs } from '@holdfast/protocol';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Clock } from '../core/ports/clock.ts';

const firstByteMs = 5_000;

export interface ProbeOptions {
  readonly clock: Clock;
  readonly chunkBytesMax: number;
}

export function probeRoutes({ clock, chunkBytesMax }: ProbeOptions): FastifyPluginAsync {
  const config = { public: true, rate: 'writes' } as const;
  const tags = ['server'];
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.route({
      method: ['PUT', 'PATCH', 'POST', 'DELETE'],
      url: '/v1/probe',
      config,
      schema: { tags, summary: 'What of a request arrives (for holdfast doctor)' },
      handler: async (request, reply) => {
        await firstBytes(request.raw, clock);
        return reply
          .headers({ ...probeAnswerHeaders, location: '/v1/probe', 'cache-control': 'no-store' })
          .send({ ...answerTo(request), chunkBytesMax });
      },
    });
    const events = { tags, summary: 'Two events, a second apart (for holdfast doctor)' };
    app.get('/v1/probe/events', { config, schema: events }, async (_request, reply) => {
      const stream = new PassThrough();
      stream.write('data: first\n\n');
      clock.after(probeEventGapMs, () => stream.end('data: second\n\n'));
      return reply
        .headers({
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-cache, no-transform',
          'x-accel-buffering': 'no',
        })
        .send(stream);
    });
  };
}

function answerTo(request: FastifyRequest): Omit<ProbeAnswer, 'chunkBytesMax'> {
  const { raw, method, ip, protocol: scheme, host } = request;
  const said = raw.headers['x-forwarded-for'] !== undefined || raw.headers['x-forwarded-proto'] !== undefined;
  // The peer, and those that it and others who are trusted name.
  const believed = said && (request.ips?.length ?? 0) > 1;
  const seen = probedHeaders.flatMap((name) => {
    const value = raw.headers[name];
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  const forwarded = said ? (believed ? 'believed' : 'ignored') : 'no';
  return { method, ip, scheme, host, forwarded, headers: Object.fromEntries(seen) };
}

/** Resolves when something of the body is there, or it is not worth waiting for. */
async function firstBytes(request: IncomingMessage, clock: Clock): Promise<void> {
  if (!(Number(request.headers['content-length']) > 0)) return;
  const waiting = new AbortController();
  const cancel = clock.after(firstByteMs, () => waiting.abort());
  const { signal } = waiting;
  await Promise.race([once(request, 'data', { signal }), once(request, 'close', { signal })]).catch(() => {});
  waiting.abort();
  cancel();
}
