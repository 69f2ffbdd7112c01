/** Standard Webhooks 1.0: the example of the specification's libraries, and the reference verifier. */
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { retryAfter } from './poster.ts';
import { signatureHeaders } from './signature.ts';

test('the known answer of the reference libraries', () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' };
  expect(signatureHeaders(message, [key], 1_614_265_330_000)).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('while keys are changed, receivers verify with the new one as well as with the old one', () => {
  const [fresh, old, never] = [randomBytes(32), randomBytes(24), randomBytes(64)];
  const body = JSON.stringify({ name: 'Größe 😀', n: 1 });
  const headers = signatureHeaders({ id: 'evt_1', body }, [fresh, old], Date.now());
  for (const key of [fresh, old]) {
    const verifier = new Webhook(`whsec_${key.toString('base64')}`);
    expect(verifier.verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => verifier.verify(body.replace('1', '2'), headers)).toThrow();
  }
  expect(() => new Webhook(never.toString('base64')).verify(body, headers)).toThrow();
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-21T07:28:00Z');
  expect(retryAfter('120', now)).toBe(120_000);
  expect(retryAfter('Sat, 21 Nov 2026 07:29:00 GMT', now)).toBe(60_000);
  expect(retryAfter('Sat, 21 Nov 2026 07:27:00 GMT', now)).toBe(0);
  for (const text of [null, '', 'soon', '-5', '1.5e99x']) expect(retryAfter(text, now), String(text)).toBeNull();
});
