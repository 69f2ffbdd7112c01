/**
 * How each kind of server is spoken to. `create` resolves to a handle, `send` when the chunk is acknowledged, `missing` to the ranges that
 * still have to be sent, none longer than a chunk, `completed` when the file is there with the name that `storedAs` tells.
 */
import { chunkRange, rangesFrom } from './content.mjs';

function expect(answer, ...statuses) {
  if (statuses.includes(answer.status)) return answer;
  throw new Error(`the server answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
}

const json = (answer) => JSON.parse(answer.body.toString());

const holdfast = {
  parallel: true,
  async create(connection, upload) {
    const body = [
      Buffer.from(
        JSON.stringify({ filename: `bench-${upload.number}.bin`, size: upload.size, chunkSize: upload.chunkBytes }),
      ),
    ];
    const headers = { 'Content-Type': 'application/json' };
    return json(expect(await connection.request({ method: 'POST', path: '/v1/uploads', headers, body }), 201)).id;
  },
  async send(connection, id, { range, upload, body, digest }) {
    const index = range.start / upload.chunkBytes;
    const headers = digest === undefined ? {} : { 'Content-Digest': `sha-256=:${digest}:` };
    expect(await connection.request({ method: 'PUT', path: `/v1/uploads/${id}/chunks/${index}`, headers, body }), 200);
  },
  async missing(connection, id, upload) {
    const path = `/v1/uploads/${id}`;
    const { missingChunks } = json(expect(await connection.request({ method: 'GET', path }), 200));
    return missingChunks.map((index) => chunkRange(upload, index));
  },
  async completed(connection, id) {
    const path = `/v1/uploads/${id}/complete?wait=60`;
    return json(expect(await connection.request({ method: 'POST', path }), 200)).sha256;
  },
  /** Resolves when no upload is unfinished. */
  async allCompleted(connection) {
    const path = '/v1/uploads?state=receiving,validating,assembling&limit=1';
    while (json(expect(await connection.request({ method: 'GET', path }), 200)).items.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 2));
  },
  storedAs: (_id, digest) => `assets/sha256/${digest.slice(0, 2)}/${digest}`,
};

/** A small file in the request that creates its upload. */
const holdfastOneRequest = {
  ...holdfast,
  async create(connection, upload, body) {
    const path = `/v1/uploads/whole?filename=bench-${upload.number}.bin`;
    const headers = { 'Content-Type': 'application/octet-stream' };
    return json(expect(await connection.request({ method: 'POST', path, headers, body }), 201)).id;
  },
  send: async () => {},
};

const sink = {
  parallel: true,
  create: async (_connection, upload) => `sink-${upload.number}`,
  async send(connection, id, { range, body }) {
    expect(await connection.request({ method: 'PUT', path: `/${id}?offset=${range.start}`, body }), 204);
  },
  completed: async () => null,
  allCompleted: async () => {},
  storedAs: (id) => id,
};

/** tus 1.0.0. A file grows at its end only, so an upload has one connection. */
const tus = {
  parallel: false,
  async create(connection, upload) {
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': upload.size };
    const answer = expect(await connection.request({ method: 'POST', path: '/files', headers }), 201);
    return (answer.headers.get('location') ?? '').split('/').at(-1);
  },
  async send(connection, id, { range, body }) {
    const headers = {
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': range.start,
      'Content-Type': 'application/offset+octet-stream',
    };
    expect(await connection.request({ method: 'PATCH', path: `/files/${id}`, headers, body }), 204);
  },
  async missing(connection, id, upload) {
    const headers = { 'Tus-Resumable': '1.0.0' };
    const answer = expect(await connection.request({ method: 'HEAD', path: `/files/${id}`, headers }), 200, 204);
    return rangesFrom(upload, Number(answer.headers.get('upload-offset')));
  },
  completed: async () => null,
  allCompleted: async () => {},
  storedAs: (id) => id,
};

/** The same to Holdfast, which hashes and puts the file in place after the last byte. */
const holdfastTus = {
  ...tus,
  async completed(connection, id) {
    const headers = { 'Tus-Resumable': '1.0.0' };
    for (;;) {
      const answer = expect(await connection.request({ method: 'HEAD', path: `/files/${id}`, headers }), 200, 204);
      const asset = answer.headers.get('holdfast-asset');
      if (asset !== undefined) return asset;
      // As often as a client would at most: sixteen that ask every other millisecond are a load of their own.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  async createPart(connection, size) {
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': size, 'Upload-Concat': 'partial' };
    const answer = expect(await connection.request({ method: 'POST', path: '/files', headers }), 201);
    return (answer.headers.get('location') ?? '').split('/').at(-1);
  },
  async concatenate(connection, parts) {
    const urls = parts.map((id) => `/files/${id}`).join(' ');
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Concat': `final;${urls}` };
    const answer = expect(await connection.request({ method: 'POST', path: '/files', headers }), 201);
    return (answer.headers.get('location') ?? '').split('/').at(-1);
  },
  storedAs: holdfast.storedAs,
};

/** The same, with the file in the request that creates the upload. */
const tusOneRequest = {
  ...tus,
  async create(connection, upload, body) {
    const headers = {
      'Tus-Resumable': '1.0.0',
      'Upload-Length': upload.size,
      'Content-Type': 'application/offset+octet-stream',
    };
    const answer = expect(await connection.request({ method: 'POST', path: '/files', headers, body }), 201);
    return (answer.headers.get('location') ?? '').split('/').at(-1);
  },
  send: async () => {},
};

const holdfastTusOneRequest = { ...tusOneRequest, allCompleted: holdfast.allCompleted, storedAs: holdfast.storedAs };

export const protocols = {
  holdfast,
  'holdfast-one-request': holdfastOneRequest,
  'holdfast-tus': holdfastTus,
  'holdfast-tus-one-request': holdfastTusOneRequest,
  sink,
  tus,
  'tus-one-request': tusOneRequest,
};
