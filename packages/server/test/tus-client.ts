/** tus requests as bytes on a socket, with the headers that every one has; nothing is done that a test does not see. */
import { RawConnection } from './raw-connection.ts';
import type { Answer, RunningNode } from './running-node.ts';

export type Headers1 = Readonly<Record<string, string | number>>;
export type TusAnswer = Answer<Record<string, unknown>>;

export const bytesType = { 'Content-Type': 'application/offset+octet-stream' };

export interface TusRequest {
  readonly headers?: Headers1;
  readonly body?: Uint8Array;
  /** Null: without Tus-Resumable. */
  readonly version?: string | null;
}

function lines(headers: Headers1): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

/** One request on a connection of its own. A body has its Content-Length unless it is sent otherwise. */
export async function tus(
  node: RunningNode,
  method: string,
  path: string,
  request: TusRequest = {},
): Promise<TusAnswer> {
  const connection = await RawConnection.open(node.port);
  try {
    const { version = '1.0.0', body } = request;
    const headers = {
      ...(version === null ? {} : { 'Tus-Resumable': version }),
      ...(body === undefined ? {} : { 'Content-Length': body.byteLength }),
      ...request.headers,
    };
    connection.head(`${method} ${path}`, lines(headers));
    if (body !== undefined) connection.send(body);
    return method === 'HEAD' ? await connection.headAnswer() : await connection.answer();
  } finally {
    connection.destroy();
  }
}

/** A request whose body does not come (yet): the connection is the caller's. */
export async function begun(
  node: RunningNode,
  method: string,
  path: string,
  headers: Headers1,
): Promise<RawConnection> {
  const connection = await RawConnection.open(node.port);
  connection.head(`${method} ${path}`, lines({ 'Tus-Resumable': '1.0.0', ...headers }));
  return connection;
}

export async function createUpload(node: RunningNode, headers: Headers1, body?: Uint8Array): Promise<string> {
  const given = body === undefined ? { headers } : { headers: { ...bytesType, ...headers }, body };
  const answer = await tus(node, 'POST', '/files', given);
  const location = answer.headers.get('location');
  if (answer.status !== 201 || location === null)
    throw new Error(`Not created: ${answer.status} ${JSON.stringify(answer.body)}`);
  return location;
}

export function patchUpload(
  node: RunningNode,
  path: string,
  offset: number,
  body: Uint8Array,
  headers: Headers1 = {},
): Promise<TusAnswer> {
  return tus(node, 'PATCH', path, { headers: { ...bytesType, 'Upload-Offset': offset, ...headers }, body });
}

export async function offsetOf(node: RunningNode, path: string): Promise<number> {
  const answer = await tus(node, 'HEAD', path);
  if (answer.status !== 200) throw new Error(`HEAD was answered with ${answer.status}`);
  return Number(answer.headers.get('upload-offset'));
}

/** One chunk of a chunked body (RFC 9112 §7.1). */
export function chunk(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}
