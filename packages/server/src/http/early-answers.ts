/**
 * Answers before the end of a request's body. A refusal is sent at once, however much is still to come; the rest is read and thrown away
 * within bounds, because closing a socket on unread bytes resets the connection and takes the answer with it (RFC 9112 §9.6). So a client
 * that reads only after it has written everything sees the answer too. The answer's own length tells the others that it is complete.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Clock } from '../core/ports/clock.ts';

/** A body of at most this size is read to its end, and the connection can be used again. */
const reusedBytesMax = 1024 * 1024;
/** What is thrown away of larger ones before the connection is closed. */
const lingerBytesMax = 80 * 1024 * 1024;
/** How long that may take, and how long nothing may come meanwhile: a sender that has seen the answer often just stops. */
const patience = { totalMs: 30_000, idleMs: 5_000 };
type Patience = typeof patience;
/** For a sender that was waited for in vain already. */
const noPatience = { totalMs: 500, idleMs: 500 };

export interface EarlyAnswerOptions {
  readonly clock: Clock;
  /** How long a sender may send nothing while its body is wanted: one that is not wanted gets no more. */
  readonly idleMs: number;
}

export function answerEarly(app: FastifyInstance, { clock, idleMs }: EarlyAnswerOptions): void {
  const usual = { ...patience, idleMs: Math.min(idleMs, patience.idleMs) };
  // Whether the body is wanted is known by now: clients that ask first (RFC 9110 §10.1.1) are spared sending one that is refused.
  // The server of a program that we are mounted in has told them already.
  const asking = new WeakSet<IncomingMessage>();
  app.server.on('checkContinue', (request: IncomingMessage, response) => {
    asking.add(request);
    app.server.emit('request', request, response);
  });
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (asking.has(request.raw)) reply.raw.writeContinue();
    done(null, payload);
  });
  app.addHook<unknown>('onSend', (request, reply, payload, done) => {
    const { raw } = request;
    if (raw.complete || raw.destroyed || !announcesBody(raw)) return done(null, payload);
    const rest = discarded(raw, clock, reply.statusCode === 408 ? noPatience : usual);
    if (Number(raw.headers['content-length']) <= reusedBytesMax) return done(null, payload);
    const answer = payload ?? '';
    if (typeof answer !== 'string' && !Buffer.isBuffer(answer)) return done(null, payload);
    reply.headers({ connection: 'close', 'content-length': Buffer.byteLength(answer) });
    done(null, Readable.from(lingering(reply, answer, rest)));
  });
}

/** The whole answer at once; its end, which closes the connection, when the rest of the request is read. */
async function* lingering(reply: FastifyReply, answer: string | Buffer, rest: Promise<void>) {
  reply.raw.flushHeaders();
  if (answer.length > 0) yield answer;
  await rest;
}

export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Reads on without keeping anything. Resolves at the end of the body or of our patience, when the connection has no future. */
function discarded(request: IncomingMessage, clock: Clock, { totalMs, idleMs }: Patience): Promise<void> {
  return new Promise((resolve) => {
    let left = lingerBytesMax;
    let lastDataAt = clock.now();
    const giveUpAt = lastDataAt + totalMs;
    let cancel = () => {};
    const end = () => {
      cancel();
      request.off('data', onData);
      resolve();
    };
    const giveUp = () => {
      end();
      // After the answer is flushed: what is written to the socket goes out first.
      request.socket.destroySoon();
    };
    const onData = (data: Buffer) => {
      left -= data.length;
      lastDataAt = clock.now();
      if (left < 0) giveUp();
    };
    const watch = () => {
      cancel = clock.after(idleMs, () => {
        const now = clock.now();
        if (now - lastDataAt >= idleMs || now >= giveUpAt) giveUp();
        else watch();
      });
    };
    watch();
    request.on('data', onData).once('end', end).once('close', end).once('error', end);
    request.resume();
  });
}
