/** The browser's transport: XMLHttpRequest, because fetch reports no upload progress. Works in pages and workers. */
import type { Transport, TransportResponse } from './transport.ts';
import { UploadError } from './upload-error.ts';

function parseHeaders(raw: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of raw.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

export function xhrTransport(): Transport {
  return {
    send: (request, { signal, onSent }) =>
      new Promise<TransportResponse>((resolve, reject) => {
        signal.throwIfAborted();
        if (typeof XMLHttpRequest === 'undefined') throw noRequests();
        const xhr = new XMLHttpRequest();
        const abort = () => xhr.abort();
        signal.addEventListener('abort', abort);
        xhr.open(request.method, request.url);
        for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
        // A listener on `upload` makes a cross-origin request preflighted: only where there is something to report.
        if (onSent !== undefined && request.body !== null) {
          xhr.upload.onprogress = (event) => onSent(event.loaded);
        }
        xhr.onload = () =>
          resolve({ status: xhr.status, headers: parseHeaders(xhr.getAllResponseHeaders()), text: xhr.responseText });
        xhr.onerror = () => reject(new TypeError('The connection failed.'));
        xhr.onabort = () => reject(signal.reason);
        xhr.onloadend = () => signal.removeEventListener('abort', abort);
        xhr.send(request.body);
      }),
  };
}

/** Said at the first request, not before: a client may be made while a page is rendered on a server. */
function noRequests(): UploadError {
  const hint = 'In Node.js, pass `transport: nodeTransport()` from @holdfast/client/node.';
  return new UploadError(`There is no XMLHttpRequest here. ${hint}`, {
    type: 'validation',
    code: 'unexpected',
    retryable: false,
  });
}
