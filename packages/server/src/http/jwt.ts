/** Tokens of the operator's identity provider (RFC 7519), checked against its published keys (RFC 7517) and held to RFC 8725. */
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Millis } from '../core/upload.ts';

export interface JwtOptions {
  /** Where the provider publishes its keys. */
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** Signature algorithms that are taken. Never symmetric ones: the published key would be the secret. */
  readonly algorithms: readonly string[];
  /** By how much the clocks of the provider and of this machine may differ. */
  readonly clockToleranceSeconds: number;
  readonly clock: Clock;
}

const subjectCharsMax = 256;
const fetchTimeoutMs = 5_000;

export class JwtVerifier {
  readonly #options: JwtOptions;
  readonly #keys: JWTVerifyGetKey;

  constructor(options: JwtOptions) {
    this.#options = options;
    this.#keys = createRemoteJWKSet(new URL(options.jwksUrl), { timeoutDuration: fetchTimeoutMs });
  }

  /** Three parts with dots between. */
  looksRight(bearer: string): boolean {
    return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(bearer);
  }

  /** The subject, and until when it is taken. Throws `token-expired`, `unauthenticated`, and `unavailable` when the provider's keys cannot be fetched. */
  async verified(token: string): Promise<{ readonly subject: string; readonly endsAt: Millis }> {
    const { issuer, audience, algorithms, clockToleranceSeconds, clock } = this.#options;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp'],
      });
      const endsAt = ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000;
      return { subject: checkedSubject(payload.sub), endsAt };
    } catch (cause) {
      throw refusalOf(cause);
    }
  }
}

function checkedSubject(subject: unknown): string {
  const fine = typeof subject === 'string' && subject.length > 0 && subject.length <= subjectCharsMax;
  if (fine && !/\p{Cc}/u.test(subject)) return subject;
  throw new HoldfastError('unauthenticated', 'The subject of the token is not a name.');
}

function refusalOf(cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  if (cause instanceof errors.JWTExpired)
    return new HoldfastError('token-expired', 'The token has expired. Get a new one and go on.', { cause });
  const refused = cause instanceof errors.JOSEError && !(cause instanceof errors.JWKSTimeout);
  // A provider that answers with anything but its keys is one that does not answer.
  const answered = refused && cause.code !== 'ERR_JOSE_GENERIC' && !(cause instanceof errors.JWKSInvalid);
  if (answered) return new HoldfastError('unauthenticated', `The token is not taken: ${cause.message}.`, { cause });
  return new HoldfastError('unavailable', 'The keys of the identity provider cannot be fetched. Try again.', { cause });
}
