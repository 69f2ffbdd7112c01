/** SHA-256 by the platform: there in secure contexts, and in Node (where it works on the thread pool). */
export function canDigest(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** 64 hex digits. Only where `canDigest()`. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
