import { expect, test } from 'vitest';
import { VirtualRuntime } from '../test/virtual-runtime.ts';
import { UploadApi } from './upload-api.ts';

function apiWith(authorization: string) {
  const sent: string[] = [];
  const api = new UploadApi({
    endpoint: 'https://media.example.org',
    getHeaders: () => ({ authorization }),
    transport: {
      send: async ({ headers }) => {
        sent.push(headers['authorization'] ?? '');
        return { status: 500, headers: {}, text: '' };
      },
    },
    runtime: new VirtualRuntime(),
    stallTimeoutMs: 1_000,
  });
  return { sent, ask: () => api.serverInfo(new AbortController().signal) };
}

test.each(['Bearer key-of-a-file\r', 'Bearer a\nb', 'Bearer kéy–1'])(
  'a header that no request can carry is told as that, not as a server that is away: %j',
  async (value) => {
    const { sent, ask } = apiWith(value);
    await expect(ask()).rejects.toMatchObject({ code: 'headers-failed', message: expect.not.stringContaining('key') });
    expect(sent).toEqual([]);
  },
);

test('letters of Latin-1 are sent', async () => {
  const { sent, ask } = apiWith('Bearer kéy');
  await expect(ask()).rejects.toMatchObject({ status: 500 });
  expect(sent).toEqual(['Bearer kéy']);
});
