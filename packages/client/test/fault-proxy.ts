/** A TCP proxy that breaks connections the way networks do: after so many bytes, silently, slowly, or with a bit flipped. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What happens to one connection; without a plan it is left alone. */
export interface Plan {
  /** After so many bytes from the client … */
  readonly afterBytes: number;
  /** … it is reset; or nothing is passed on any more, in either direction; or one byte of a body is changed; or the answer is lost. */
  readonly fault: 'reset' | 'freeze' | 'corrupt' | 'lose answer';
}

export class FaultProxy {
  /** Plan of the next connection. */
  nextPlan: () => Plan | null = () => null;
  /** Milliseconds before each piece is passed on to the server. */
  pieceDelayMs = 0;
  connections = 0;
  /** Bytes that clients sent, passed on or not. */
  bytesFromClients = 0;
  cuts = 0;
  #server: Server | null = null;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    const server = createServer((socket) => proxy.#serve(socket));
    proxy.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const { port } = (this.#server?.address() ?? { port: 0 }) as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Breaks every connection that there is. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #serve(client: Socket): void {
    this.connections += 1;
    const plan = this.nextPlan();
    const upstream = connect(this.#targetPort, '127.0.0.1');
    const both = [client, upstream];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    let frozen = false;
    let corrupted = false;
    let bytes = 0;
    upstream.on('data', (data) => {
      if (frozen) return;
      if (plan?.fault === 'lose answer' && bytes > plan.afterBytes) {
        this.cuts += 1;
        client.resetAndDestroy();
      } else client.write(data);
    });
    const pass = async (data: Buffer) => {
      client.pause();
      if (this.pieceDelayMs > 0) await delay(this.pieceDelayMs);
      if (!upstream.destroyed) upstream.write(data);
      client.resume();
    };
    client.on('data', (data: Buffer) => {
      this.bytesFromClients += data.byteLength;
      const before = bytes;
      bytes += data.byteLength;
      if (frozen) return;
      if (plan === null || bytes <= plan.afterBytes || plan.fault === 'lose answer') {
        void pass(data);
        return;
      }
      if (plan.fault === 'corrupt') {
        // The last byte of a large piece is in a body.
        if (!corrupted && data.byteLength > 2_000) {
          corrupted = true;
          this.cuts += 1;
          data[data.byteLength - 1] = (data[data.byteLength - 1] ?? 0) ^ 0xff;
        }
        void pass(data);
        return;
      }
      const at = Math.max(0, plan.afterBytes - before);
      this.cuts += 1;
      upstream.write(data.subarray(0, at), () => {
        frozen = true;
        if (plan.fault === 'reset') client.resetAndDestroy();
      });
    });
  }
}
