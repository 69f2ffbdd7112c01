/** Interim responses as bytes on a socket, on every Node that we run on. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { sendInterim } from './interim.ts';
import { interopOf } from './interop.ts';

/** What a client gets that sends `head`, from a server that sends an interim response before its answer and tries it again afterwards. */
async function exchange(head: string, change: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, reply) => {
    change(reply);
    const interim = () =>
      sendInterim({ request: { raw: request }, reply: { raw: reply } }, interopOf(request.headers), {
        'Upload-Offset': '5',
      });
    interim();
    reply.end('done');
    interim();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(head);
    return await text(socket);
  } finally {
    server.close();
  }
}

const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpload-Draft-Interop-Version: 8\r\n\r\n';
const without = (names: readonly string[]) => (response: ServerResponse) => {
  for (const name of names) Object.defineProperty(response, name, { value: undefined });
};

test.each([
  ['as this Node does it', []],
  ['as older ones do it', ['writeInformation']],
])('sent once, before the answer, %s', async (_how, missing) => {
  const got = await exchange(head, without(missing));
  const [interim = '', answer = '', ...rest] = got.split('\r\n\r\n');
  expect(interim).toMatch(/^HTTP\/1\.1 104 [\w ]+\r\nUpload-Offset: 5\r\nUpload-Draft-Interop-Version: 8$/);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(rest).toEqual(['done']);
});

test.each([
  ['the client named no version', head.replace(/Upload-.*\r\n/, '')],
  ['the client speaks HTTP/1.0', head.replace('1.1', '1.0')],
])('not sent where %s', async (_why, request) => {
  expect(await exchange(request, () => {})).toMatch(/^HTTP\/1\.1 200 OK/);
});
