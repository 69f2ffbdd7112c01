/**
 * `Content-Digest` and `Repr-Digest` (RFC 9530): a dictionary of algorithm → byte sequence (RFC 9651). This writes the one
 * member that we send; servers parse with a structured-field library.
 */

// In every browser and Node; the pure ES library of this package does not declare it.
declare function btoa(binary: string): string;

/** `sha-256=:<base64>:` from 64 hex digits. Throws RangeError on anything else. */
export function formatSha256Digest(hex: string): string {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('A SHA-256 has 64 lower-case hex digits.');
  const bytes = hex.match(/../g) ?? [];
  return `sha-256=:${btoa(String.fromCharCode(...bytes.map((b) => Number.parseInt(b, 16))))}:`;
}
