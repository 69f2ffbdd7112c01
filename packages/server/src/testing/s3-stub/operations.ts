/** The requests of S3 that the stub knows. */
import type { IncomingMessage } from 'node:http';
import { Refusal, type StubObject, type StubStore } from './store.ts';
import { texts, type Xml, xml } from './xml.ts';

export type Operation =
  | 'HeadBucket'
  | 'ListObjects'
  | 'ListMultipartUploads'
  | 'PutObject'
  | 'CopyObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'ListParts'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'Preflight'
  | 'Unknown';

export interface StubRequest {
  readonly operation: Operation;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | number>;
  readonly body: Buffer;
  /** Of a HEAD: the length is told, and nothing follows. */
  readonly bodyless?: boolean;
}

type Work = StubRequest & { readonly bytes: Buffer };

export function operationOf(request: IncomingMessage, bucket: string): StubRequest {
  const url = new URL(request.url ?? '/', 'http://x');
  const [, first = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const query = url.searchParams;
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : null;
  };
  const operation = first === bucket ? named(request.method ?? '', key, query, header) : 'Unknown';
  return { operation, bucket: first, key, query, header };
}

function named(
  method: string,
  key: string,
  query: URLSearchParams,
  header: (name: string) => string | null,
): Operation {
  const copies = header('x-amz-copy-source') !== null;
  if (method === 'OPTIONS') return 'Preflight';
  if (key === '')
    return method === 'HEAD' ? 'HeadBucket' : query.has('uploads') ? 'ListMultipartUploads' : 'ListObjects';
  if (query.has('uploads')) return 'CreateMultipartUpload';
  if (query.has('uploadId')) {
    if (method === 'PUT') return copies ? 'UploadPartCopy' : 'UploadPart';
    if (method === 'POST') return 'CompleteMultipartUpload';
    return method === 'DELETE' ? 'AbortMultipartUpload' : 'ListParts';
  }
  if (method === 'PUT') return copies ? 'CopyObject' : 'PutObject';
  return method === 'GET' ? 'GetObject' : method === 'HEAD' ? 'HeadObject' : 'DeleteObject';
}

/** Throws a `Refusal`. */
export function answer(store: StubStore, work: Work): Answer {
  const { key, query, bytes, header } = work;
  const uploadId = query.get('uploadId') ?? '';
  switch (work.operation) {
    case 'HeadBucket':
    case 'Preflight':
      return empty(200);
    case 'PutObject':
      return etagged(store.put(key, bytes, header('content-type')));
    case 'CopyObject':
      return copied('CopyObjectResult', store.put(key, source(store, work)));
    case 'GetObject':
    case 'HeadObject':
      return content(store.get(key), work);
    case 'DeleteObject':
      store.objects.delete(key);
      return empty(204);
    case 'CreateMultipartUpload':
      return ok('InitiateMultipartUploadResult', { Bucket: work.bucket, Key: key, UploadId: store.begin(key) });
    case 'UploadPart':
      return { ...empty(200), headers: { etag: `"${store.putPart(uploadId, key, { number: part(query), bytes })}"` } };
    case 'UploadPartCopy': {
      const etag = store.putPart(uploadId, key, { number: part(query), bytes: source(store, work) });
      return copied('CopyPartResult', { etag, modified: new Date() });
    }
    case 'CompleteMultipartUpload':
      return ok('CompleteMultipartUploadResult', { Key: key, ETag: `"${complete(store, work).etag}"` });
    case 'AbortMultipartUpload':
      store.abort(uploadId, key);
      return empty(204);
    case 'ListParts':
      return listParts(store, work);
    case 'ListObjects':
      return listObjects(store, query);
    case 'ListMultipartUploads':
      return listMultiparts(store, query);
    default:
      throw new Refusal('NoSuchBucket', 404);
  }
}

function part(query: URLSearchParams): number {
  return Number(query.get('partNumber'));
}

function complete(store: StubStore, { key, query, bytes }: Work): StubObject {
  const text = bytes.toString();
  const numbers = texts(text, 'PartNumber').map(Number);
  const etags = texts(text, 'ETag').map((etag) => etag.replaceAll('"', ''));
  const parts = numbers.map((number, i) => ({ number, etag: etags[i] ?? '' }));
  return store.complete(query.get('uploadId') ?? '', key, parts);
}

/** The bytes that a copy is of. */
function source(store: StubStore, { header, bucket }: Work): Buffer {
  const from = decodeURIComponent(header('x-amz-copy-source') ?? '').replace(new RegExp(`^/?${bucket}/`), '');
  const object = store.get(from);
  const match = header('x-amz-copy-source-if-match');
  if (match !== null && match.replaceAll('"', '') !== object.etag) throw new Refusal('PreconditionFailed', 412);
  const range = /^bytes=(\d+)-(\d+)$/.exec(header('x-amz-copy-source-range') ?? '');
  if (!range) return object.bytes;
  if (Number(range[2]) >= object.bytes.byteLength) throw new Refusal('InvalidArgument', 400);
  return object.bytes.subarray(Number(range[1]), Number(range[2]) + 1);
}

function content(object: StubObject, { header, operation, query }: Work): Answer {
  const match = header('if-match');
  if (match !== null && match.replaceAll('"', '') !== object.etag) throw new Refusal('PreconditionFailed', 412);
  const range = /^bytes=(\d+)-(\d*)$/.exec(header('range') ?? '');
  const start = Number(range?.[1] ?? 0);
  if (range && start >= object.bytes.byteLength) throw new Refusal('InvalidRange', 416);
  const end = Math.min(Number(range?.[2] || Number.MAX_SAFE_INTEGER), object.bytes.byteLength - 1);
  const bytes = object.bytes.subarray(start, end + 1);
  const bodyless = operation === 'HeadObject';
  return {
    status: range ? 206 : 200,
    headers: {
      etag: `"${object.etag}"`,
      'last-modified': object.modified.toUTCString(),
      'content-length': bytes.byteLength,
      'content-type': query.get('response-content-type') ?? object.contentType ?? 'binary/octet-stream',
      ...(query.has('response-content-disposition')
        ? { 'content-disposition': query.get('response-content-disposition') ?? '' }
        : {}),
      ...(range ? { 'content-range': `bytes ${start}-${end}/${object.bytes.byteLength}` } : {}),
    },
    body: bytes,
    bodyless,
  };
}

const pageMax = 100;

function listParts(store: StubStore, { key, query }: Work): Answer {
  const after = Number(query.get('part-number-marker') ?? 0);
  const all = [...store.multipart(query.get('uploadId') ?? '', key).parts].sort(([a], [b]) => a - b);
  const page = all.filter(([number]) => number > after).slice(0, pageMax);
  const last = page.at(-1)?.[0] ?? 0;
  return ok('ListPartsResult', {
    IsTruncated: all.some(([number]) => number > last) && page.length > 0,
    NextPartNumberMarker: last,
    Part: page.map(([number, { bytes, etag }]) => ({ PartNumber: number, ETag: `"${etag}"`, Size: bytes.byteLength })),
  });
}

function listObjects(store: StubStore, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter');
  const after = query.get('continuation-token') ?? '';
  const contents = new Map<string, StubObject | null>();
  for (const [key, object] of [...store.objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
    contents.set(end === -1 ? key : key.slice(0, end + 1), end === -1 ? object : null);
  }
  const all = [...contents].filter(([key]) => key > after);
  const page = all.slice(0, pageMax);
  return ok('ListBucketResult', {
    IsTruncated: all.length > page.length,
    ...(all.length > page.length ? { NextContinuationToken: page.at(-1)?.[0] ?? '' } : {}),
    CommonPrefixes: page.filter(([, object]) => object === null).map(([key]) => ({ Prefix: key })),
    Contents: page.flatMap(([key, object]) =>
      object === null
        ? []
        : [{ Key: key, Size: object.bytes.byteLength, ETag: `"${object.etag}"`, LastModified: object.modified }],
    ),
  });
}

function listMultiparts(store: StubStore, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? '';
  const found = [...store.multiparts].filter(([, upload]) => upload.key.startsWith(prefix));
  return ok('ListMultipartUploadsResult', {
    IsTruncated: false,
    Upload: found.map(([id, { key, begun }]) => ({ Key: key, UploadId: id, Initiated: begun })),
  });
}

function ok(root: string, body: Xml): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml(root, body)) };
}

function copied(root: string, object: { readonly etag: string; readonly modified: Date }): Answer {
  return ok(root, { ETag: `"${object.etag}"`, LastModified: object.modified });
}

function etagged(object: StubObject): Answer {
  return { ...empty(200), headers: { etag: `"${object.etag}"` } };
}

function empty(status: number): Answer {
  return { status, headers: {}, body: Buffer.alloc(0) };
}
