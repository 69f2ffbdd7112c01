/** Bodies of requests: plain or `aws-chunked` with checksums behind them; everything that is declared of the bytes is checked. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';

export interface StubBody {
  readonly bytes: Buffer;
  /** The code of the error when something that was declared is not so. */
  readonly problem: string | null;
}

const hex32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

const sums: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'x-amz-checksum-crc32': (bytes) => hex32(crc32(bytes)),
  'x-amz-checksum-crc32c': (bytes) => hex32(crc32c(bytes)),
  'x-amz-checksum-sha1': (bytes) => createHash('sha1').update(bytes).digest(),
  'x-amz-checksum-sha256': (bytes) => createHash('sha256').update(bytes).digest(),
  'x-amz-checksum-crc64nvme': crc64Nvme,
};

/** Rejects when the connection breaks. */
export async function bodyOf(request: IncomingMessage): Promise<StubBody> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const raw = Buffer.concat(parts);
  const declared = { ...(request.headers as Record<string, string>) };
  let bytes: Buffer = raw;
  if (String(request.headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-')) {
    const decoded = unchunked(raw);
    if (decoded === null) return { bytes: raw, problem: 'IncompleteBody' };
    bytes = decoded.bytes;
    Object.assign(declared, decoded.trailers);
    if (bytes.byteLength !== Number(request.headers['x-amz-decoded-content-length']))
      return { bytes, problem: 'IncompleteBody' };
  }
  return { bytes, problem: problemOf(bytes, declared) };
}

function problemOf(bytes: Buffer, declared: Readonly<Record<string, string>>): string | null {
  const md5 = declared['content-md5'];
  if (md5 !== undefined && createHash('md5').update(bytes).digest('base64') !== md5) return 'BadDigest';
  const payload = declared['x-amz-content-sha256'] ?? '';
  if (/^[0-9a-f]{64}$/.test(payload) && createHash('sha256').update(bytes).digest('hex') !== payload)
    return 'XAmzContentSHA256Mismatch';
  for (const [name, sum] of Object.entries(sums))
    if (declared[name] !== undefined && sum(bytes).toString('base64') !== declared[name]) return 'BadDigest';
  return null;
}

/** `size[;chunk-signature]\r\n bytes \r\n … 0\r\n trailers`; null when it is cut. */
function unchunked(raw: Buffer): { bytes: Buffer; trailers: Record<string, string> } | null {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = raw.indexOf('\r\n', at);
    if (end === -1) return null;
    const size = Number.parseInt(raw.toString('latin1', at, end), 16);
    if (size === 0) {
      const lines = raw.toString('latin1', end + 2).split('\r\n');
      const pairs = lines.filter((line) => line.includes(':')).map((line) => line.split(/:\s*/, 2) as [string, string]);
      return { bytes: Buffer.concat(parts), trailers: Object.fromEntries(pairs) };
    }
    parts.push(raw.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/** CRC-64/NVME: reflected, polynomial 0x9a6c9329ac4bc9b5, all ones before and after. */
export function crc64Nvme(bytes: Buffer): Buffer {
  let crc = 0xffffffffffffffffn;
  for (const byte of bytes) crc = (table[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n) ^ (crc >> 8n);
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(crc ^ 0xffffffffffffffffn);
  return out;
}

const table = Array.from({ length: 256 }, (_, i) => {
  let crc = BigInt(i);
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  return crc;
});
