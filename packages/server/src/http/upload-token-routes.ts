/** /v1/upload-tokens: an application's server gets a token for one upload and gives it to a browser, which never sees an API key. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CreateUploadToken, IssuedUploadToken } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../core/errors.ts';
import type { UploadToken } from '../core/grant.ts';
import type { UploadTokens } from '../uploads/tokens.ts';
import { principalOf, subjectOf } from './auth.ts';

const defaultTtlSeconds = 3_600;
const tags = ['upload tokens'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };

export function uploadTokenRoutes(tokens: UploadTokens): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/upload-tokens',
      {
        schema: {
          tags,
          summary: 'Issue a token for one upload',
          body: CreateUploadToken,
          response: { 201: IssuedUploadToken, ...problems },
        },
      },
      async (request, reply) => {
        const { maxSize, allowedTypes, subject, expiresInSeconds = defaultTtlSeconds, ...rest } = request.body;
        const issuer = principalOf(request);
        const principal = subject === undefined ? issuer : subjectOf(issuer, subject);
        const size = maxSize === undefined ? {} : { sizeMax: maxSize };
        const types = allowedTypes === undefined ? {} : { types: allowedTypes };
        const wish = { ...rest, ...size, ...types, ttlMs: expiresInSeconds * 1000 };
        const { token, secret } = await tokens.issue(wish, { principal, issuer });
        return reply
          .code(201)
          .header('cache-control', 'no-store')
          .send({ ...rendered(token), token: secret });
      },
    );
    app.delete(
      '/v1/upload-tokens/:id',
      {
        schema: {
          tags,
          summary: 'Revoke a token; what was uploaded with it stays',
          params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
          response: { 204: Type.Null(), ...problems },
        },
      },
      async (request, reply) => {
        if (await tokens.revoke(request.params.id, principalOf(request))) return reply.code(204).send(null);
        throw new HoldfastError('token-not-found', `No upload token ${request.params.id} was issued by you.`);
      },
    );
  };
}

function rendered(token: UploadToken): Omit<IssuedUploadToken, 'token'> {
  return {
    id: token.tokenId,
    principal: token.principal,
    uploadId: token.uploadId,
    maxSize: token.sizeMax,
    allowedTypes: token.types === null ? null : [...token.types],
    filename: token.filename,
    metadata: { ...token.metadata },
    expiresAt: new Date(token.expiresAt).toISOString(),
  };
}
