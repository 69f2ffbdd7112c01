/** EBML (RFC 8794): elements of an id, a size and what is in them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** An element. The size takes `sizeBytes` bytes, so that lengths can be known beforehand. */
export function element(id: number, content: readonly Bytes[], sizeBytes = 2): Bytes {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return concatenated([elementId(id), elementSize(length, sizeBytes), ...content]);
}

/** An element with an unsigned integer of `bytes` bytes. */
export function uint(id: number, value: number, bytes = 1): Bytes {
  return element(id, [bigEndian(value, bytes)], 1);
}

export function float64(id: number, value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return element(id, [bytes], 1);
}

export function text(id: number, value: string): Bytes {
  return element(id, [new TextEncoder().encode(value)], 1);
}

/** A length descriptor of exactly `bytes` bytes; up to 2^(7·bytes) − 2. */
export function elementSize(length: number, bytes: number): Bytes {
  if (length > 2 ** (7 * bytes) - 2) throw new RangeError(`${length} does not fit into ${bytes} bytes of EBML.`);
  const encoded = bigEndian(length, bytes);
  encoded[0] = (encoded[0] ?? 0) | (0x80 >> (bytes - 1));
  return encoded;
}

export function concatenated(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function elementId(id: number): Bytes {
  return bigEndian(id, id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1);
}

/** Two's complement for what is below 0 is not needed here: nothing is. */
function bigEndian(value: number, bytes: number): Bytes {
  const encoded = new Uint8Array(bytes);
  let rest = value;
  for (let i = bytes - 1; i >= 0; i--) {
    encoded[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return encoded;
}
