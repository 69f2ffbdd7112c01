/** A real HTTP server that takes requests as servers of models do, remembers them, and gives the answers that a test wants. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ModelAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export class ModelServer implements AsyncDisposable {
  readonly requests: ModelRequest[] = [];
  readonly url: string;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>, requests: ModelRequest[]) {
    this.url = url;
    this.#close = close;
    this.requests = requests;
  }

  /** `answer` gets each request and its number, from 0; null never answers. */
  static async start(answer: (request: ModelRequest, number: number) => ModelAnswer | null): Promise<ModelServer> {
    const requests: ModelRequest[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const taken = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
        requests.push(taken);
        const said = answer(taken, requests.length - 1);
        if (said === null) return;
        response.writeHead(said.status ?? 200, { 'content-type': 'application/json', ...said.headers }).end(said.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return new ModelServer(`http://127.0.0.1:${port}/v1`, close, requests);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** The parts of a multipart body by name, by the rules of the platform's own parser. */
export async function formOf({ headers, body }: ModelRequest): Promise<FormData> {
  return new Response(new Uint8Array(body), { headers: { 'content-type': headers['content-type'] ?? '' } }).formData();
}
