/**
 * What webhook receivers get, and the API that looks after deliveries. Requests are signed after Standard Webhooks 1.0
 * (standardwebhooks.com): `webhook-id`, `webhook-timestamp`, `webhook-signature`.
 *
 *   GET  /v1/webhooks             endpoints with counts      → WebhookEndpointList
 *   GET  /v1/webhooks/failures    what failed, so far or for good   ?endpoint=&limit=&cursor= → WebhookDeliveryList
 *   POST /v1/webhooks/retry       send again                 RetryWebhooks → WebhooksRetried
 *   POST /v1/webhooks/test        send a signed ping         TestWebhook → WebhookTested
 */
import { type Static, type TSchema, Type } from 'typebox';
import { runStates, stepStates, type UploadState } from './native.ts';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Time = Type.String({ format: 'date-time' });
const Metadata = Type.Record(Type.String(), Type.String());

export const WebhookUpload = Type.Object({
  id: Type.String(),
  protocol: Type.String({ description: 'The protocol by which it was created.' }),
  filename: Type.String({ description: 'As the client gave it; never part of a path.' }),
  safeName: Type.String(),
  contentType: Type.String(),
  size: Nullable(Type.Integer()),
  receivedBytes: Type.Integer(),
  state: Type.Unsafe<UploadState>(Type.Ref('UploadState')),
  sha256: Nullable(
    Type.String({ description: 'Of the whole content; also the id of the asset once it is completed.' }),
  ),
  contentUrl: Nullable(Type.String()),
  failure: Nullable(Type.Object({ code: Type.String(), reason: Type.String() })),
  metadata: Metadata,
  createdAt: Time,
});
export type WebhookUpload = Static<typeof WebhookUpload>;

export const WebhookRun = Type.Object({
  id: Type.String(),
  pipeline: Type.String(),
  pipelineVersion: Type.String(),
  state: Type.Unsafe<(typeof runStates)[number]>(Type.String({ enum: [...runStates] })),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      state: Type.Unsafe<(typeof stepStates)[number]>(Type.String({ enum: [...stepStates] })),
      reason: Nullable(Type.String()),
    }),
  ),
  createdAt: Time,
  finishedAt: Nullable(Time),
});
export type WebhookRun = Static<typeof WebhookRun>;

export const WebhookAsset = Type.Object({
  sha256: Type.String(),
  size: Type.Integer(),
  contentType: Type.String(),
  filename: Type.String({ description: 'The newest name under which it came.' }),
  uploadId: Nullable(Type.String({ description: 'The upload of that name.' })),
  metadata: Metadata,
  contentUrl: Type.String(),
});
export type WebhookAsset = Static<typeof WebhookAsset>;

/** The body of every delivery. */
export const WebhookMessage = Type.Object(
  {
    id: Type.String({ description: 'The same in every attempt and for every endpoint, as webhook-id has it.' }),
    type: Type.String({ description: '`upload.completed`, `run.failed` …' }),
    timestamp: Type.String({ format: 'date-time', description: 'When it happened.' }),
    subject: Type.Object({
      kind: Type.Union([Type.Literal('upload'), Type.Literal('run')]),
      id: Type.String(),
      seq: Type.Integer({ description: '1, 2, 3 … within the subject: tells the order of its events.' }),
    }),
    principal: Type.String({ description: 'Whose upload or run it is.' }),
    message: Type.String({ description: 'For people.' }),
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'What the event itself says.' }),
    upload: Type.Optional(WebhookUpload),
    run: Type.Optional(WebhookRun),
    asset: Type.Optional(WebhookAsset),
  },
  { $id: 'WebhookMessage' },
);
export type WebhookMessage = Static<typeof WebhookMessage>;

/** The body of the question to the creation hook. 2xx lets the upload be created, 4xx (with `{"message": …}`) refuses it. */
export const CreationQuestion = Type.Object(
  {
    id: Type.String(),
    type: Type.Literal('upload.creating'),
    timestamp: Time,
    principal: Type.String(),
    upload: Type.Object({
      id: Type.String({ description: 'That the upload will have.' }),
      protocol: Type.String(),
      filename: Type.String(),
      size: Nullable(Type.Integer({ description: 'Null while the length is not known.' })),
      contentType: Type.String({ description: 'As declared.' }),
      sha256: Nullable(Type.String({ description: 'As declared.' })),
      metadata: Metadata,
    }),
  },
  { $id: 'CreationQuestion' },
);
export type CreationQuestion = Static<typeof CreationQuestion>;

export const WebhookEndpoint = Type.Object(
  {
    id: Type.String(),
    url: Type.String({ description: 'Without the query, which can hold a secret.' }),
    events: Type.Array(Type.String()),
    state: Type.Union([Type.Literal('active'), Type.Literal('gone')], {
      description: 'gone: it answered 410 and gets nothing until a restart or a retry.',
    }),
    pending: Type.Integer(),
    delivered: Type.Integer({ description: 'Of those that are still kept.' }),
    failed: Type.Integer(),
    lastDeliveredAt: Nullable(Time),
    oldestPendingAt: Nullable(Time),
  },
  { $id: 'WebhookEndpoint' },
);
export type WebhookEndpoint = Static<typeof WebhookEndpoint>;
export const WebhookEndpointList = Type.Object({ items: Type.Array(WebhookEndpoint) }, { $id: 'WebhookEndpointList' });
export type WebhookEndpointList = Static<typeof WebhookEndpointList>;

export const WebhookDelivery = Type.Object(
  {
    id: Type.String({ description: 'Of the message: webhook-id.' }),
    type: Type.String(),
    endpoint: Type.String({ description: 'Id of the endpoint.' }),
    url: Nullable(Type.String({ description: 'Null when the endpoint is not configured any more.' })),
    state: Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')]),
    attempts: Type.Integer(),
    createdAt: Time,
    lastAttemptAt: Nullable(Time),
    lastStatus: Nullable(Type.Integer({ description: 'HTTP status; null when there was no answer.' })),
    lastError: Nullable(Type.String()),
    nextAttemptAt: Nullable(Time),
  },
  { $id: 'WebhookDelivery' },
);
export type WebhookDelivery = Omit<Static<typeof WebhookDelivery>, 'state'> & {
  state: 'pending' | 'delivered' | 'failed';
};
export const WebhookDeliveryList = Type.Object(
  { items: Type.Array(WebhookDelivery), cursor: Nullable(Type.String()) },
  { $id: 'WebhookDeliveryList' },
);
export type WebhookDeliveryList = { items: WebhookDelivery[]; cursor: string | null };

export const RetryWebhooks = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'One message, also a delivered one.' })),
    endpoint: Type.Optional(
      Type.String({ minLength: 1, maxLength: 2048, description: 'Only this endpoint: id or URL.' }),
    ),
    all: Type.Optional(Type.Literal(true, { description: 'Everything that failed; instead of id and endpoint.' })),
  },
  { $id: 'RetryWebhooks', additionalProperties: false },
);
export type RetryWebhooks = Static<typeof RetryWebhooks>;
export const WebhooksRetried = Type.Object({ retried: Type.Integer() }, { $id: 'WebhooksRetried' });
export type WebhooksRetried = Static<typeof WebhooksRetried>;

export const TestWebhook = Type.Object(
  { endpoint: Type.String({ minLength: 1, maxLength: 2048, description: 'Id or URL of a configured endpoint.' }) },
  { $id: 'TestWebhook', additionalProperties: false },
);
export type TestWebhook = Static<typeof TestWebhook>;
export const WebhookTested = Type.Object(
  {
    id: Type.String(),
    url: Type.String(),
    delivered: Type.Boolean({ description: 'Whether it answered 2xx.' }),
    status: Nullable(Type.Integer()),
    error: Nullable(Type.String()),
    durationMs: Type.Integer(),
  },
  { $id: 'WebhookTested' },
);
export type WebhookTested = Static<typeof WebhookTested>;
