import { expect, it, vi } from 'vitest';
import { createApi } from './api.ts';

function apiOver(answer: () => Promise<Response>) {
  const fetch = vi.fn<typeof globalThis.fetch>(answer);
  const onSignedOut = vi.fn();
  return { api: createApi({ fetch, onSignedOut }), fetch, onSignedOut };
}

it('asks for assets by name and place', async () => {
  const { api, fetch } = apiOver(async () => Response.json({ items: [], cursor: null }));
  await api.assets({ filename: 'a b&c', kind: null, stage: null, cursor: 'n/2', limit: 24 });
  expect(fetch.mock.calls[0]?.[0]).toBe('/v1/assets?limit=24&filename=a+b%26c&cursor=n%2F2');
  await api.assets({ filename: '', kind: 'audio', stage: 'failed', cursor: null, limit: 24 });
  expect(fetch.mock.calls[1]?.[0]).toBe('/v1/assets?limit=24&kind=audio&run=failed%2Ccancelled');
});

it('never lets an id leave its place in the path', async () => {
  const { api, fetch } = apiOver(async () => Response.json({}));
  await api.run('../uploads?x=1');
  expect(fetch.mock.calls[0]?.[0]).toBe('/v1/runs/..%2Fuploads%3Fx%3D1');
});

it('calls a server that does not answer unreachable', async () => {
  const { api } = apiOver(async () => {
    throw new TypeError('Failed to fetch');
  });
  await expect(api.server()).rejects.toMatchObject({ kind: 'unreachable' });
});

it('reports a lost session, but not a wrong key', async () => {
  const { api, onSignedOut } = apiOver(async () => new Response('', { status: 401 }));
  await expect(api.server()).rejects.toMatchObject({ kind: 'signed-out' });
  expect(onSignedOut).toHaveBeenCalledTimes(1);
  await expect(api.signIn('wrong')).rejects.toMatchObject({ kind: 'signed-out' });
  expect(onSignedOut).toHaveBeenCalledTimes(1);
});

it('gives the newest events first, whichever way they come', async () => {
  const { api } = apiOver(async () => Response.json({ items: [{ id: 3 }, { id: 9 }, { id: 5 }] }));
  expect((await api.recentEvents(3)).map((event) => event.id)).toEqual([9, 5, 3]);
});

it('takes an asset that is gone already for deleted, and nothing else', async () => {
  const refusal = (code: string, status: number) => async () => Response.json({ code, detail: code }, { status });
  const gone = apiOver(refusal('asset-not-found', 404));
  await gone.api.deleteAsset('../x');
  expect(gone.fetch.mock.calls[0]).toMatchObject(['/v1/assets/..%2Fx', { method: 'DELETE' }]);
  const { api } = apiOver(refusal('asset-in-place', 409));
  await expect(api.deleteAsset('x')).rejects.toMatchObject({ kind: 'refused', message: 'asset-in-place' });
  await expect(apiOver(async () => new Response('', { status: 404 })).api.deleteAsset('x')).rejects.toThrow();
});
