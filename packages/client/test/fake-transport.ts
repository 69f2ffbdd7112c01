/** A transport of functions, for tests with virtual time: answers in memory, or not until it is told to. */
import type { Transport, TransportRequest, TransportResponse } from '../src/transport.ts';

export type Responder = (
  request: TransportRequest,
  signal: AbortSignal,
) => TransportResponse | Promise<TransportResponse>;

export function fakeTransport(respond: Responder): Transport & { readonly requests: TransportRequest[] } {
  const requests: TransportRequest[] = [];
  return {
    requests,
    send: async (request, { signal, onSent }) => {
      requests.push(request);
      const { body } = request;
      if (body !== null && typeof body !== 'string') onSent?.(body instanceof Blob ? body.size : body.byteLength);
      return respond(request, signal);
    },
  };
}

export function jsonResponse(value: unknown, status = 200, headers: Record<string, string> = {}): TransportResponse {
  return { status, headers, text: JSON.stringify(value) };
}
