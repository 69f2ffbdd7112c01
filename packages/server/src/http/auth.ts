/**
 * Who asks. In this order: what the embedding program says, an upload token, a token of the operator's identity provider, an API key
 * (all as `Authorization: Bearer`), or the session cookie that a browser got for a key. Where none of these is configured everyone is
 * `anonymous`, which the server only allows on loopback.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';
import { type Grant, outOfScope } from '../core/grant.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SessionStore } from '../core/ports/session-store.ts';
import type { Millis } from '../core/upload.ts';
import type { Caller } from '../uploads/caller.ts';
import { tokenPrefix, type UploadTokens } from '../uploads/tokens.ts';
import { type ApiKeys, sessionCookie } from './api-keys.ts';
import type { JwtVerifier } from './jwt.ts';

export const anonymous = 'anonymous';
/** With an API key: for whom it acts. Its uploads and assets are that subject's own. */
export const subjectHeader = 'holdfast-subject';
export const subjectPattern = '^[A-Za-z0-9_.@-]{1,64}$';
/** Of what an embedding program says. */
const principalPattern = /^\P{Cc}{1,256}$/u;

export interface Identity {
  readonly principal: string;
  /** Whose credentials these are: one key acts for as many principals as its holder likes, and what is shared out is counted by the holder. */
  readonly holder: string;
  /** What an upload token narrows it to; null: nothing. */
  readonly grant: Grant | null;
  /** Whether the credentials hold as long as the server runs. Others are asked for again before an upload completes. */
  readonly lasting: boolean;
  /** When the credentials end, as far as they say so themselves; null: they do not. */
  readonly endsAt: Millis | null;
}

/** What an embedding program's own authentication gets to see of a request. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  readonly method: string;
  readonly path: string;
  /** Of the client, behind trusted proxies too. */
  readonly ip: string;
  /** With what the program has put on it before, such as the user of its session. Its body is not to be touched. */
  readonly request: IncomingMessage;
}

/**
 * An embedding program's own authentication: asked on every request that needs credentials, again before an upload completes, and every
 * 15 seconds while a stream of events is open.
 * Null: not known here, the built-in ways are tried. Throws a HoldfastError (`unauthenticated`, `forbidden`) to refuse at once.
 */
export type AuthHook = (credentials: Credentials) => Promise<{ readonly principal: string } | null>;

export interface AuthenticatorOptions {
  readonly keys: ApiKeys;
  readonly tokens: UploadTokens;
  readonly sessions: SessionStore;
  readonly jwt: JwtVerifier | null;
  readonly hook: AuthHook | null;
  readonly clock: Clock;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  get keys(): ApiKeys {
    return this.#options.keys;
  }

  /** Whether everyone may do everything. */
  get open(): boolean {
    const { keys, jwt, hook } = this.#options;
    return keys.none && jwt === null && hook === null;
  }

  /** Whether a request brings credentials. Cookies of others on the same host are none, unless the embedding program may read them as such. */
  isTried(request: FastifyRequest): boolean {
    const { headers, cookies } = request;
    if (headers.authorization !== undefined) return true;
    return this.#options.hook === null ? cookies[sessionCookie] !== undefined : headers.cookie !== undefined;
  }

  /** Throws `unauthenticated`, `token-expired`, `forbidden`; `unavailable` when the identity provider cannot be asked. */
  async identify(request: FastifyRequest): Promise<Identity> {
    const { hook, jwt } = this.#options;
    const said = await hook?.(credentialsOf(request));
    if (said) return { ...ownedBy(principalSaid(said.principal)), lasting: false };
    const { authorization } = request.headers;
    const bearer = authorization === undefined ? null : (/^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '');
    if (bearer?.startsWith(tokenPrefix)) return await this.#byUploadToken(bearer);
    if (this.open) return ownedBy(anonymous);
    if (bearer !== null && jwt?.looksRight(bearer) && !this.keys.keyFor(bearer)) return await this.#byJwt(jwt, bearer);
    return await this.#byKey(request, bearer);
  }

  /** Nobody gets in with the cookie any more, whoever has a copy of it. Throws `unavailable` while that cannot be noted. */
  async endSession(cookie: string): Promise<void> {
    const { keys, sessions, clock } = this.#options;
    const session = keys.session(cookie, clock.now());
    if (session) await sessions.end({ digest: session.id, endsAt: session.endsAt }, clock.now());
  }

  /** The caller, as dialects pass it on to the upload service. */
  callerOf(request: FastifyRequest): Caller {
    const identity = identityOf(request);
    const { principal, grant } = identity;
    return { principal, grant, confirm: identity.lasting ? null : () => this.#confirm(request, identity) };
  }

  async #confirm(request: FastifyRequest, before: Identity): Promise<void> {
    const now = await this.identify(request);
    if (now.principal !== before.principal) throw unknownCredentials();
  }

  async #byUploadToken(secret: string): Promise<Identity> {
    const token = await this.#options.tokens.find(secret);
    if (!token) throw new HoldfastError('unauthenticated', 'The upload token is not known, or was revoked.');
    if (token.expiresAt <= this.#options.clock.now())
      throw new HoldfastError(
        'token-expired',
        `The upload token expired at ${new Date(token.expiresAt).toISOString()}. What has arrived is kept: go on with a new one.`,
      );
    const { principal, issuer, expiresAt: endsAt } = token;
    const holder = this.keys.holderOf(issuer) ?? issuer;
    return { principal, holder, grant: token, lasting: false, endsAt };
  }

  async #byJwt(jwt: JwtVerifier, bearer: string): Promise<Identity> {
    const { subject: principal, endsAt } = await jwt.verified(bearer);
    if (this.keys.owns(principal) || principal === anonymous)
      throw new HoldfastError('forbidden', 'The subject of the token has the name of an API key of this server.');
    return { ...ownedBy(principal), lasting: false, endsAt };
  }

  async #byKey(request: FastifyRequest, bearer: string | null): Promise<Identity> {
    const { keys, clock, sessions } = this.#options;
    const session = bearer === null ? keys.session(request.cookies?.[sessionCookie], clock.now()) : null;
    const key = bearer === null ? session?.key : keys.keyFor(bearer);
    if (!key || (session && (await sessions.isEnded(session.id)))) throw unknownCredentials();
    const subject = request.headers[subjectHeader];
    const principal = subject === undefined ? key.principal : subjectOf(key.principal, String(subject));
    // A session ends by itself.
    return { ...ownedBy(key.principal), principal, lasting: session === null, endsAt: session?.endsAt ?? null };
  }
}

/** Of somebody who acts for nobody else, with credentials that hold. */
function ownedBy(principal: string): Identity {
  return { principal, holder: principal, grant: null, lasting: true, endsAt: null };
}

/** The name of what belongs to somebody below a principal. Throws `invalid-request`. */
export function subjectOf(principal: string, subject: string): string {
  if (principal.includes('/'))
    throw new HoldfastError('invalid-request', `${principal} is a subject already; it has none below it.`);
  if (!new RegExp(subjectPattern).test(subject))
    throw new HoldfastError('invalid-request', 'A subject has 1 to 64 letters, digits and the characters _ . @ -');
  return `${principal}/${subject}`;
}

/** Of a request that was let in. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) throw unknownCredentials();
  return request.identity;
}

/** Whoever may do everything that belongs to a principal. Throws `token-scope` for the bearer of an upload token. */
export function principalOf(request: FastifyRequest): string {
  const { principal, grant } = identityOf(request);
  if (grant) throw outOfScope();
  return principal;
}

/** What the embedding program answered: its own mistakes are told in its log, not stored. */
function principalSaid(principal: unknown): string {
  if (typeof principal === 'string' && principalPattern.test(principal)) return principal;
  throw new Error(
    '`authenticate` has to answer with a principal that is a string of 1 to 256 characters, none of them control characters',
  );
}

function credentialsOf(request: FastifyRequest): Credentials {
  const { headers, method, url, ip, raw } = request;
  return { headers, method, path: url.split('?')[0] ?? '/', ip, request: raw };
}

function unknownCredentials(): HoldfastError {
  return new HoldfastError('unauthenticated', 'Send an API key as "Authorization: Bearer <key>", or sign in.');
}
