/** The native API as one Fastify plugin. */
import * as wire from '@holdfast/protocol';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { wholeBytesMax } from '../../uploads/whole.ts';
import { assetRoutes } from './asset-routes.ts';
import { chunkRecords } from './chunk-records.ts';
import { chunkRoute } from './chunk-route.ts';
import { classRoutes } from './class-routes.ts';
import type { NativeContext } from './context.ts';
import { directRoutes } from './direct-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { pipelineRoutes } from './pipeline-routes.ts';
import { runRoutes } from './run-routes.ts';
import { searchRoutes } from './search-routes.ts';
import { stepRoutes } from './step-routes.ts';
import { uploadCommands } from './upload-commands.ts';
import { uploadRoutes } from './upload-routes.ts';
import { watchRoutes } from './watch-routes.ts';
import { webhookRoutes } from './webhook-routes.ts';
import { wholeRoute } from './whole-route.ts';

/** Shapes that routes refer to by `$id`. */
export const nativeSchemas = [
  wire.Problem,
  wire.UploadState,
  wire.CreateUpload,
  wire.Upload,
  wire.UploadList,
  wire.ChunkReceipt,
  wire.WantAddresses,
  wire.ChunkAddresses,
  wire.ReportChunk,
  wire.ChunkRecord,
  wire.ChunkList,
  wire.EventList,
  wire.Asset,
  wire.AssetList,
  wire.Artifact,
  wire.Run,
  wire.RunList,
  wire.RunSummary,
  wire.AttemptList,
  wire.PlacedStep,
  wire.PlacedStepList,
  wire.FailureGroupList,
  wire.DurationList,
  wire.RetryFailed,
  wire.Retried,
  wire.Class,
  wire.ClassList,
  wire.ServerInfo,
  wire.Session,
  wire.WatchFolder,
  wire.WatchFolderList,
  wire.WatchFolderDetails,
  wire.WatchedFile,
  wire.SearchHit,
  wire.SearchResults,
  wire.WebhookMessage,
  wire.CreationQuestion,
  wire.WebhookEndpoint,
  wire.WebhookEndpointList,
  wire.WebhookDelivery,
  wire.WebhookDeliveryList,
  wire.RetryWebhooks,
  wire.WebhooksRetried,
  wire.TestWebhook,
  wire.WebhookTested,
  wire.Pipeline,
  wire.PipelineList,
  wire.PlanPipelines,
  wire.ApplyPipelines,
  wire.PipelinePlan,
];

export function nativeDialect(context: NativeContext): FastifyPluginAsync {
  return async (app) => {
    await app.register(uploadRoutes(context));
    await app.register(uploadCommands(context));
    await app.register(chunkRoute(context));
    await app.register(wholeRoute(context));
    await app.register(directRoutes(context));
    await app.register(chunkRecords(context));
    await app.register(eventRoutes(context));
    await app.register(assetRoutes(context));
    await app.register(runRoutes(context));
    await app.register(stepRoutes(context));
    await app.register(classRoutes(context));
    await app.register(searchRoutes(context));
    await app.register(webhookRoutes(context));
    await app.register(watchRoutes(context));
    await app.register(pipelineRoutes(context));
    app.get(
      '/v1/server',
      { schema: { tags: ['server'], summary: 'What this server takes', response: { 200: Type.Ref('ServerInfo') } } },
      async (): Promise<wire.ServerInfo> => {
        const { fileBytesMax, chunkBytesMin, chunkBytesMax, chunkBytesDefault, liveUploadsMax } = context.limits;
        const chunks = { chunkBytesMin, chunkBytesMax, chunkBytesDefault };
        const limits = { fileBytesMax, ...chunks, liveUploadsMax, wholeBytesMax };
        const { version, durability, uploads } = context;
        return { name: 'holdfast', version, durability, direct: uploads.direct !== null, limits };
      },
    );
  };
}
