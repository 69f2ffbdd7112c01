/** AWS Signature Version 4 as a server checks it, in headers or in the query (docs.aws.amazon.com, "Signature Version 4 signing process"). */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface StubCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The code of the error, or null when the request is signed by this key. */
export function signatureProblem(
  request: IncomingMessage,
  { accessKeyId, secretAccessKey }: StubCredentials,
): string | null {
  const url = new URL(request.url ?? '/', 'http://x');
  const said = inHeader(request) ?? inQuery(url);
  if (said === null) return 'AccessDenied';
  const [key, date = '', region = '', service = ''] = said.credential.split('/');
  if (key !== accessKeyId) return 'InvalidAccessKeyId';
  if (said.expired) return 'AccessDenied';
  const [path = '/'] = (request.url ?? '/').split('?');
  const canonical = [
    request.method,
    path,
    canonicalQuery(url),
    ...said.signed.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    said.signed.join(';'),
    said.payload,
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', said.time, scope, sha256(canonical)].join('\n');
  const signing = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, date));
  return hmac(signing, text).toString('hex') === said.signature ? null : 'SignatureDoesNotMatch';
}

interface Said {
  readonly credential: string;
  readonly signed: readonly string[];
  readonly signature: string;
  readonly payload: string;
  readonly time: string;
  readonly expired: boolean;
}

function inHeader(request: IncomingMessage): Said | null {
  const found = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(
    request.headers.authorization ?? '',
  );
  if (!found) return null;
  const [, credential = '', signed = '', signature = ''] = found;
  const header = (name: string) => String(request.headers[name] ?? '');
  const time = header('x-amz-date');
  return {
    credential,
    signed: signed.split(';'),
    signature,
    payload: header('x-amz-content-sha256'),
    time,
    expired: Math.abs(timeOf(time) - Date.now()) > 15 * 60_000,
  };
}

function inQuery(url: URL): Said | null {
  const get = (name: string) => url.searchParams.get(`X-Amz-${name}`) ?? '';
  if (get('Signature') === '') return null;
  const time = get('Date');
  return {
    credential: get('Credential'),
    signed: get('SignedHeaders').split(';'),
    signature: get('Signature'),
    payload: get('Content-Sha256') || 'UNSIGNED-PAYLOAD',
    time,
    expired: Date.now() > timeOf(time) + Number(get('Expires')) * 1000,
  };
}

function timeOf(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function canonicalQuery(url: URL): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  return [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}
