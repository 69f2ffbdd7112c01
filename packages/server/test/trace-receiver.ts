/** A collector of traces for tests: takes OTLP over HTTP as JSON (opentelemetry.io/docs/specs/otlp/#otlphttp), on a real socket. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean };
type Attributes = readonly { readonly key: string; readonly value: Value }[];

interface Wire {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly attributes: Attributes;
        readonly status: { readonly code?: number };
      }[];
    }[];
  }[];
}

export interface SeenSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parent: string | null;
  readonly name: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly failed: boolean;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export class TraceReceiver implements AsyncDisposable {
  readonly spans: SeenSpan[] = [];
  /** Everything that came, as it came. */
  text = '';
  /** What it does with requests from now on. */
  mode: 'take' | 'refuse' | 'silent' = 'take';
  /** Requests so far. */
  asked = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      this.asked += 1;
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      if (this.mode === 'silent') return;
      const wrong = request.url !== '/v1/traces' || request.method !== 'POST';
      if (wrong || this.mode === 'refuse') return void response.writeHead(400).end();
      this.#take(Buffer.concat(parts).toString());
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }

  static async start(): Promise<TraceReceiver> {
    const receiver = new TraceReceiver();
    await new Promise<void>((listening) => receiver.#server.listen(0, '127.0.0.1', listening));
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): SeenSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #take(text: string): void {
    this.text += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Wire).resourceSpans)
      for (const { traceId, spanId, parentSpanId, name, kind, attributes, status } of scopeSpans.flatMap(
        (s) => s.spans,
      ))
        this.spans.push({
          traceId,
          id: spanId,
          parent: parentSpanId ?? null,
          name,
          kind,
          failed: status.code === 2,
          facts: valuesOf(attributes),
          resource: valuesOf(resource.attributes),
        });
  }
}

function valuesOf(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]),
  );
}
