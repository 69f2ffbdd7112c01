/** Servers of models that take their time. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { askServer } from './ask-server.ts';

const impatient = getGlobalDispatcher();
afterEach(() => setGlobalDispatcher(impatient));

test('an answer that takes longer than `fetch` waits by itself is waited for, as long as the question allows', async () => {
  // Five minutes, in a test that lasts seconds.
  setGlobalDispatcher(new Agent({ headersTimeout: 500, bodyTimeout: 500 }));
  let asked = 0;
  const server = createServer(async (request, response) => {
    asked += 1;
    for await (const _part of request);
    await sleep(2_500);
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"text":');
    await sleep(2_500);
    response.end('"slow"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await expect(fetch(url, { method: 'POST', body: '{}' }).then((answer) => answer.text())).rejects.toThrow();
  asked = 0;
  try {
    const answer = await askServer({
      url,
      apiKey: null,
      body: async () => ({ body: '{}', contentType: 'application/json' }),
      timeoutMs: 60_000,
      answerBytesMax: 1_000,
      signal: new AbortController().signal,
      clock: systemClock,
      onWait: () => {},
    });
    expect(answer).toEqual({ text: 'slow' });
    expect(asked).toBe(1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}, 30_000);
