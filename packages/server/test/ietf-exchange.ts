/** Requests of the IETF draft over a socket: every interim response is seen, in the order in which it came. */
import { expect } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import type { Answer } from './running-node.ts';

export const collection = '/ietf-files';

export type DraftAnswer = Answer<Record<string, unknown>> & {
  /** The 1xx responses before it. */
  readonly interim: readonly Answer<Record<string, unknown>>[];
};

export interface DraftRequest {
  readonly method: string;
  readonly path: string;
  /** Header lines; `Upload-Draft-Interop-Version: 8` is added unless one of them names it, or `version` is null. */
  readonly headers?: readonly string[];
  /** Sent with its Content-Length, unless `chunked`. */
  readonly body?: Uint8Array;
  readonly chunked?: boolean;
  readonly version?: number | null;
}

/** A server on this machine: in this process, or one of its own. */
export interface Target {
  readonly port: number;
}

export async function open(node: Target): Promise<RawConnection> {
  return await RawConnection.open(node.port);
}

/** Sends the request on a connection of its own. */
export async function draft(node: Target, request: DraftRequest): Promise<DraftAnswer> {
  const connection = await open(node);
  try {
    begin(connection, request);
    if (request.body !== undefined)
      connection.send(request.chunked === true ? chunkedBody(request.body) : request.body);
    return await finalAnswer(connection);
  } finally {
    connection.destroy();
  }
}

/** Sends the head only; with a body, one of that length is announced. */
export function begin(connection: RawConnection, request: DraftRequest): void {
  const { method, path, headers = [], body, chunked = false, version = 8 } = request;
  const named = version === null ? [] : [`Upload-Draft-Interop-Version: ${version}`];
  const length = chunked ? ['Transfer-Encoding: chunked'] : [`Content-Length: ${body?.byteLength ?? 0}`];
  connection.head(`${method} ${path}`, [...named, ...(body === undefined ? [] : length), ...headers]);
}

export async function finalAnswer(connection: RawConnection): Promise<DraftAnswer> {
  const interim: Answer<Record<string, unknown>>[] = [];
  for (;;) {
    const answer = await connection.answer(25_000);
    if (answer.status >= 200) return { ...answer, interim };
    interim.push(answer);
  }
}

function chunkedBody(body: Uint8Array): Uint8Array {
  const size = Buffer.from(`${body.byteLength.toString(16)}\r\n`);
  return Buffer.concat([
    body.byteLength === 0 ? Buffer.alloc(0) : Buffer.concat([size, body, Buffer.from('\r\n')]),
    Buffer.from('0\r\n\r\n'),
  ]);
}

/** Creates an upload and resolves to its path. */
export async function created(node: Target, headers: readonly string[] = [], body?: Uint8Array): Promise<string> {
  const answer = await draft(node, {
    method: 'POST',
    path: collection,
    headers: ['Upload-Complete: ?0', ...headers],
    body: body ?? new Uint8Array(),
  });
  expect(answer).toMatchObject({ status: 201 });
  return answer.headers.get('location') ?? '';
}

export function append(
  node: Target,
  path: string,
  wish: Omit<DraftRequest, 'method' | 'path'> & { readonly offset: number; readonly complete: boolean },
): Promise<DraftAnswer> {
  const { offset, complete, headers = [], ...rest } = wish;
  const flag = `Upload-Complete: ${complete ? '?1' : '?0'}`;
  const own = ['Content-Type: application/partial-upload', `Upload-Offset: ${offset}`, flag, ...headers];
  return draft(node, { method: 'PATCH', path, headers: own, body: new Uint8Array(), ...rest });
}

/** Not over a raw connection: only a client knows that the answer to a HEAD has no body whatever it declares. */
export async function head(
  node: Target,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method: 'HEAD' | 'GET' = 'HEAD',
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`http://127.0.0.1:${node.port}${path}`, {
    method,
    headers: { 'upload-draft-interop-version': '8', ...headers },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export function offsetOf(answer: { readonly headers: Headers }): number {
  return Number(answer.headers.get('upload-offset') ?? Number.NaN);
}

/** The members of `Upload-Limit`. */
export function limitsOf(answer: { readonly headers: Headers }): Record<string, number> {
  const members = (answer.headers.get('upload-limit') ?? '').split(',').map((one) => one.trim().split('='));
  return Object.fromEntries(members.map(([key = '', value]) => [key, Number(value)]));
}

export function idOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}

const registry = 'https://iana.org/assignments/http-problem-types#';

/** A refusal with its code; `type` is the fragment of a registered problem type. */
export function expectRefusal(answer: DraftAnswer, status: number, code: string, type?: string): void {
  expect(answer).toMatchObject({
    status,
    body: { status, code, type: type === undefined ? `urn:holdfast:error:${code}` : registry + type },
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
}
