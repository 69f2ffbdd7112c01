/** The settings of blobs in an S3-compatible store, as part of the schema. Credentials come from the AWS SDK's own chain. */
import { Type } from 'typebox';

export const s3Settings = {
  s3Endpoint: Type.Optional(
    Type.String({
      pattern: '^https?://[^/]+',
      description: 'Address of the S3-compatible server; without it Amazon’s.',
    }),
  ),
  s3Region: Type.String({ default: 'us-east-1', minLength: 1, description: 'Region of the bucket.' }),
  s3PathStyle: Type.Boolean({
    default: false,
    description: 'Whether the bucket is in the path and not in the host name, as most self-hosted servers want it.',
  }),
  s3Checksums: Type.Union([Type.Literal('none'), Type.Literal('crc32'), Type.Literal('sha256')], {
    default: 'none',
    description: 'Checksums that the server is asked to check beside MD5; none for servers that do not know them.',
  }),
  s3Encryption: Type.Union([Type.Literal('none'), Type.Literal('s3'), Type.Literal('kms')], {
    default: 'none',
    description:
      'How the server encrypts: none = as the bucket says, s3 = with its own key, kms = with a key of its key service.',
  }),
  s3KmsKey: Type.Optional(
    Type.String({ minLength: 1, description: 'The key for s3Encryption kms; without it the server’s default.' }),
  ),
  s3Direct: Type.Boolean({
    default: false,
    description:
      'Whether clients get addresses to send chunks straight to the bucket. Browsers need CORS rules there: docs/s3.md.',
  }),
  s3PresignedDownloads: Type.Boolean({
    default: false,
    description: 'Whether the content of assets is answered with an address in the bucket, for a short time.',
  }),
  s3PublicEndpoint: Type.Optional(
    Type.String({
      pattern: '^https?://[^/]+',
      description: 'The S3-compatible server as clients reach it, if that is not s3Endpoint.',
    }),
  ),
  s3MemoryMb: Type.Integer({
    default: 256,
    minimum: 16,
    maximum: 1_048_576,
    description: 'MiB of memory for bytes on their way to the store, over all uploads; requests wait for room.',
  }),
  s3CacheMb: Type.Integer({
    default: 10_240,
    minimum: 0,
    maximum: 1_073_741_824,
    description: 'MiB of disk for files of the store that steps read; what is in use stays beyond it.',
  }),
  s3SearchHours: Type.Number({
    default: 6,
    exclusiveMinimum: 0,
    maximum: 168,
    description: 'Hours between two searches of the bucket for what crashes left: a listing of all unfinished uploads.',
  }),
};
