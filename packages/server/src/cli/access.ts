/** Who may use the server: puts the ways of authentication together as the configuration says. */
import { randomBytes } from 'node:crypto';
import { limitsOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import { ApiKeys } from '../http/api-keys.ts';
import { Authenticator, type AuthHook } from '../http/auth.ts';
import { JwtVerifier } from '../http/jwt.ts';
import { systemClock } from '../platform/system-clock.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import type { State } from '../state/sql/open.ts';
import { UploadTokens } from '../uploads/tokens.ts';

const secretBytes = 32;

export interface AccessParts {
  readonly config: Config;
  readonly state: State;
  readonly hook: AuthHook | null;
}

export function access({ config, state, hook }: AccessParts): { auth: Authenticator; tokens: UploadTokens } {
  const tokens = new UploadTokens({
    tokens: state.tokens,
    uploads: state.uploads,
    clock: systemClock,
    limits: limitsOf(config),
    newId: uuidv7,
    newSecret: () => randomBytes(secretBytes).toString('base64url'),
  });
  const keys = new ApiKeys(config.apiKeys);
  const { sessions } = state;
  return { tokens, auth: new Authenticator({ keys, tokens, sessions, jwt: jwtOf(config), hook, clock: systemClock }) };
}

function jwtOf(config: Config): JwtVerifier | null {
  const { jwksUrl, jwtIssuer, jwtAudience, jwtAlgorithms, jwtClockToleranceSeconds } = config;
  if (jwksUrl === undefined) return null;
  if (jwtIssuer === undefined || jwtAudience === undefined)
    throw new HoldfastError(
      'invalid-request',
      'With jwksUrl, jwtIssuer and jwtAudience have to be set: a token for another service must not open this one.',
    );
  return new JwtVerifier({
    jwksUrl,
    issuer: jwtIssuer,
    audience: jwtAudience,
    algorithms: jwtAlgorithms,
    clockToleranceSeconds: jwtClockToleranceSeconds,
    clock: systemClock,
  });
}
