/** Requests that no HTTP client would send: bytes on a socket. */
import { connect, type Socket } from 'node:net';
import type { Answer } from './running-node.ts';

export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  get received(): string {
    return this.#received.toString('latin1');
  }

  /** Header lines are given without line ends; a Host is added. */
  head(requestLine: string, headers: readonly string[]): void {
    this.send(
      `${[`${requestLine} HTTP/1.1`, `Host: 127.0.0.1:${this.#socket.remotePort}`, ...headers].join('\r\n')}\r\n\r\n`,
    );
  }

  send(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Says that nothing more comes (half-closed). */
  finish(): void {
    this.#socket.end();
  }

  /** Breaks the connection off as a crash of the sender would. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves to whether the server closed the connection within that time. */
  async closedWithin(ms: number): Promise<boolean> {
    await this.#until(() => this.#closed, ms);
    return this.#closed;
  }

  /** The next answer that has a Content-Length. Rejects when none came in time. */
  async answer(ms = 10_000): Promise<Answer<Record<string, unknown>>> {
    await this.#until(() => this.#whole() !== null || this.#closed, ms);
    const whole = this.#whole();
    if (!whole) throw new Error(`No answer within ${ms} ms; got ${JSON.stringify(this.received.slice(0, 300))}`);
    this.#received = this.#received.subarray(whole.end);
    return { status: whole.status, headers: whole.headers, body: whole.body === '' ? {} : JSON.parse(whole.body) };
  }

  /** The next answer to a HEAD request: it has no body, whatever its Content-Length says. */
  async headAnswer(ms = 10_000): Promise<Answer<Record<string, unknown>>> {
    await this.#until(() => this.received.includes('\r\n\r\n') || this.#closed, ms);
    const whole = this.#whole(0);
    if (!whole) throw new Error(`No answer within ${ms} ms; got ${JSON.stringify(this.received.slice(0, 300))}`);
    this.#received = this.#received.subarray(whole.end);
    return { status: whole.status, headers: whole.headers, body: {} };
  }

  #whole(bodyBytes: number | null = null): { status: number; headers: Headers; body: string; end: number } | null {
    const text = this.received;
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return null;
    const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
    const headers = new Headers(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
    const end = headEnd + 4 + (bodyBytes ?? Number(headers.get('content-length') ?? 0));
    if (this.#received.length < end) return null;
    const body = this.#received.subarray(headEnd + 4, end).toString('utf8');
    return { status: Number(statusLine.split(' ')[1]), headers, body, end };
  }

  async #until(done: () => boolean, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (!done() && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - performance.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
