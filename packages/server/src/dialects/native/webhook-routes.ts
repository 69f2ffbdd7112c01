/** /v1/webhooks: who is told of events, what could not be delivered, and doing something about it. For administrators only. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type * as wire from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { EndpointStatus } from '../../core/ports/webhook-admin.ts';
import type { Millis } from '../../core/upload.ts';
import type { Delivery } from '../../core/webhook.ts';
import type { NativeContext } from './context.ts';

const tags = ['webhooks'];
const problem = { '4xx': Type.Ref('Problem') };

export function webhookRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const { webhooks } = context;
  return async (app) => {
    app.addHook('preValidation', async (request) => onlyAdmins(context, request));
    app.get(
      '/v1/webhooks',
      {
        schema: {
          tags,
          summary: 'Endpoints, with how many deliveries are in which state',
          response: { 200: Type.Ref('WebhookEndpointList'), ...problem },
        },
      },
      async () => ({ items: (await webhooks.endpoints()).map(renderEndpoint) }),
    );

    const query = Type.Object({
      endpoint: Type.Optional(Type.String({ maxLength: 2048, description: 'Only of this endpoint: id or URL.' })),
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
    });
    app.get(
      '/v1/webhooks/failures',
      {
        schema: {
          tags,
          summary: 'Deliveries that failed, so far or for good, newest events first',
          querystring: query,
          response: { 200: Type.Ref('WebhookDeliveryList'), ...problem },
        },
      },
      async (request) => {
        const page = await webhooks.failures(request.query);
        return { items: page.items.map((one) => renderDelivery(one.delivery, one.shownUrl)), cursor: page.cursor };
      },
    );

    app.post(
      '/v1/webhooks/retry',
      {
        schema: {
          tags,
          summary: 'Send again: one message, or what failed at one endpoint or at all of them',
          body: Type.Ref('RetryWebhooks'),
          response: { 200: Type.Ref('WebhooksRetried'), ...problem },
        },
      },
      async (request) => ({ retried: await webhooks.retry(orderOf(request.body as wire.RetryWebhooks)) }),
    );

    app.post(
      '/v1/webhooks/test',
      {
        schema: {
          tags,
          summary: 'Send a signed ping to a configured endpoint and tell what it answered',
          body: Type.Ref('TestWebhook'),
          response: { 200: Type.Ref('WebhookTested'), ...problem },
        },
      },
      async (request): Promise<wire.WebhookTested> => {
        const result = await webhooks.ping((request.body as wire.TestWebhook).endpoint);
        const { messageId, endpoint, delivered, status, error, durationMs } = result;
        return { id: messageId, url: endpoint.shownUrl, delivered, status, error, durationMs };
      },
    );
  };
}

/** Deliveries tell of everybody's uploads. */
function onlyAdmins(context: NativeContext, request: FastifyRequest): void {
  const principal = context.principal(request);
  if (context.isAdmin(principal)) return;
  throw new HoldfastError(
    'forbidden',
    `Webhooks are looked after by administrators, and ${principal} is none. The setting "admins" (HOLDFAST_ADMINS) names them.`,
  );
}

function orderOf({ id, endpoint, all }: wire.RetryWebhooks): { messageId?: string; endpoint?: string } {
  const some = id !== undefined || endpoint !== undefined;
  if (some === (all === true))
    throw new HoldfastError(
      'invalid-request',
      'Say what to send again: id, endpoint or both; or all, and nothing else.',
    );
  return { ...(id === undefined ? {} : { messageId: id }), ...(endpoint === undefined ? {} : { endpoint }) };
}

const iso = (at: Millis | null): string | null => (at === null ? null : new Date(at).toISOString());

function renderEndpoint({ endpoint, state, counts }: EndpointStatus): wire.WebhookEndpoint {
  const { pending, delivered, failed, lastDeliveredAt, oldestPendingAt } = counts;
  return {
    id: endpoint.id,
    url: endpoint.shownUrl,
    events: [...endpoint.events],
    state,
    pending,
    delivered,
    failed,
    lastDeliveredAt: iso(lastDeliveredAt),
    oldestPendingAt: iso(oldestPendingAt),
  };
}

function renderDelivery(delivery: Delivery, url: string | null): wire.WebhookDelivery {
  const { messageId, type, endpoint, state, attempts, createdAt, lastAt, lastStatus, lastError, nextAt } = delivery;
  return {
    id: messageId,
    type,
    endpoint,
    url,
    state,
    attempts,
    createdAt: new Date(createdAt).toISOString(),
    lastAttemptAt: iso(lastAt),
    lastStatus,
    lastError,
    nextAttemptAt: state === 'pending' ? iso(nextAt) : null,
  };
}
