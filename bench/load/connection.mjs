/** One keep-alive connection: requests are written by hand, answers are read as far as needed. Leaner than node:http, the same for every server. */
import { connect } from 'node:net';

export class Connection {
  #socket;
  #received = Buffer.alloc(0);
  #waiting = null;
  #failure = null;

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
      this.#deliver();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  get bytesWritten() {
    return this.#socket.bytesWritten;
  }

  /**
   * @param {{ method: string, path: string, headers?: Record<string, string | number>, body?: Buffer[] }} request
   * @returns {Promise<{ status: number, headers: Map<string, string>, body: Buffer }>}
   */
  request({ method, path, headers = {}, body = [] }) {
    if (this.#failure) return Promise.reject(this.#failure);
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${length}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, method };
      if (length <= 64 * 1024) this.#socket.write(Buffer.concat([head, ...body]));
      else {
        this.#socket.cork();
        for (const part of [head, ...body]) this.#socket.write(part);
        this.#socket.uncork();
      }
    });
  }

  close() {
    this.#socket.destroy();
  }

  #deliver() {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1 || !this.#waiting) return;
    const [statusLine = '', ...lines] = this.#received.toString('latin1', 0, headEnd).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(statusLine.slice(9, 12));
    const bodyAt = headEnd + 4;
    const end = bodyAt + this.#bodyLength(status, headers, bodyAt);
    if (!(this.#received.length >= end)) return;
    const body = this.#received.subarray(bodyAt, end);
    this.#received = this.#received.subarray(end);
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve({ status, headers, body });
  }

  /** Bytes of the body; NaN while that is not known. Of chunked bodies only empty ones come here. */
  #bodyLength(status, headers, bodyAt) {
    if (this.#waiting?.method === 'HEAD') return 0;
    const declared = headers.get('content-length');
    if (declared !== undefined || status === 204) return Number(declared ?? 0);
    const lastChunk = '0\r\n\r\n';
    if (this.#received.length < bodyAt + lastChunk.length) return Number.NaN;
    if (this.#received.toString('latin1', bodyAt, bodyAt + lastChunk.length) === lastChunk) return lastChunk.length;
    this.#fail(new Error(`an answer without length: ${status}`));
    return Number.NaN;
  }

  #fail(error) {
    this.#failure ??= error;
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
