/** `104 Upload Resumption Supported`, sent before the answer (RFC 9110 §15.2; draft, "Status Code 104"). */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interop } from './interop.ts';

/** Where Node has no `writeInformation` (before 24.21 and 26.3), what its own `writeEarlyHints` calls does the same. */
interface Informing extends Partial<Pick<ServerResponse, 'writeInformation'>> {
  readonly _writeRaw?: (text: string, encoding: 'latin1') => boolean;
}

/** Without effect where the client did not name a version that we speak, or this Node or the connection cannot carry it: it is never needed. */
export function sendInterim(
  { request, reply }: { readonly request: Pick<FastifyRequest, 'raw'>; readonly reply: Pick<FastifyReply, 'raw'> },
  interop: Interop,
  fields: Readonly<Record<string, string>>,
): void {
  const isHttp11 = request.raw.httpVersionMajor === 1 && request.raw.httpVersionMinor >= 1;
  if (interop.version === null || !isHttp11 || !canWrite(reply.raw)) return;
  const all = { ...fields, 'Upload-Draft-Interop-Version': String(interop.version) };
  const response = reply.raw as Informing;
  if (response.writeInformation !== undefined) {
    response.writeInformation(104, all);
    return;
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  response._writeRaw?.(`HTTP/1.1 104 Upload Resumption Supported\r\n${lines.join('')}\r\n`, 'latin1');
}

function canWrite(response: ServerResponse): boolean {
  return !response.headersSent && !response.destroyed && response.socket?.writable === true;
}
