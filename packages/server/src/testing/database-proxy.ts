/** A way to a database that can be cut (connections break, none is taken) or frozen (nothing gets through, nothing breaks). */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class DatabaseProxy implements AsyncDisposable {
  /** The address of the database through the proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #state: 'open' | 'cut' | 'frozen' = 'open';

  private constructor(server: Server, url: string, sockets: Set<Socket>) {
    this.#server = server;
    this.url = url;
    this.#sockets = sockets;
  }

  static async to(target: string): Promise<DatabaseProxy> {
    const url = new URL(target);
    const sockets = new Set<Socket>();
    const { hostname, port } = url;
    const server = createServer((near) => {
      if (proxy.#state === 'cut') {
        near.destroy();
        return;
      }
      const far = connect(Number(port), hostname);
      for (const [socket, peer] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket
          .on('error', () => {})
          .on('close', () => {
            sockets.delete(socket);
            peer.destroy();
          });
        socket.pipe(peer);
        if (proxy.#state === 'frozen') socket.pause();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    const proxy = new DatabaseProxy(server, url.href, sockets);
    return proxy;
  }

  /** Breaks every connection and takes no more. */
  cut(): void {
    this.#state = 'cut';
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Lets nothing through any more and breaks nothing: as a network that drops packets. */
  freeze(): void {
    this.#state = 'frozen';
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#state = 'open';
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
