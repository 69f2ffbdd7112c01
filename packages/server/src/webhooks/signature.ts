/** Signatures of the Standard Webhooks specification 1.0 (standardwebhooks.com), symmetric scheme `v1`. */
import { createHmac } from 'node:crypto';
import type { Millis } from '../core/upload.ts';

export interface Message {
  readonly id: string;
  readonly body: string;
}

/** The three headers of a request. One signature for each key, so that receivers can change keys while both are valid. */
export function signatureHeaders(
  message: Message,
  keys: readonly Uint8Array[],
  now: Millis,
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const timestamp = String(Math.floor(now / 1000));
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  return { 'webhook-id': message.id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
