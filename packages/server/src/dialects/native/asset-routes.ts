/** /v1/assets: verified contents, their bytes, runs and artifacts. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { Artifact } from '../../core/ledger.ts';
import type { OwnedAsset } from '../../core/ports/upload-store.ts';
import { AssetKindFilter, RunFilter, runStatesOf } from './asset-filters.ts';
import { sendContent } from './content.ts';
import type { NativeContext } from './context.ts';
import { renderArtifact, renderAsset, renderRun } from './render.ts';
import { nameOf } from './scope.ts';

const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const Download = Type.Object({
  download: Type.Optional(Type.String({ maxLength: 8, description: 'Present: sent as an attachment.' })),
});
const tags = ['assets'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };

export function assetRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const owned = async (id: string, principal: string): Promise<OwnedAsset> => {
    const asset = /^[0-9a-f]{64}$/.test(id) ? await context.store.findAsset(id, principal) : null;
    if (!asset) throw new HoldfastError('asset-not-found', `There is no asset ${id} here.`);
    return asset;
  };
  return async (app) => {
    const query = Type.Object({
      filename: Type.Optional(Type.String({ maxLength: 256, description: 'Part of a file name.' })),
      kind: AssetKindFilter,
      run: RunFilter,
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      cursor: Type.Optional(Type.String({ maxLength: 512 })),
    });
    app.get(
      '/v1/assets',
      { schema: { tags, summary: 'List, newest first', querystring: query, response: { 200: Type.Ref('AssetList') } } },
      async (request) => {
        const { run, ...filter } = request.query;
        const page = await context.store.listAssets({
          ...filter,
          ...(run === undefined ? {} : { runStates: runStatesOf(run) }),
          principal: context.principal(request),
        });
        return { items: page.items.map(renderAsset), cursor: page.cursor };
      },
    );

    app.get(
      '/v1/assets/:id',
      { schema: { tags, summary: 'One asset', params: Id, response: { 200: Type.Ref('Asset'), ...problems } } },
      async (request) => renderAsset(await owned(request.params.id, context.principal(request))),
    );

    const content = { tags, summary: 'The bytes (Range, ETag), or 302 to them', params: Id, querystring: Download };
    const { downloads } = context;
    const seconds = context.limits.downloadMs / 1_000;
    app.get('/v1/assets/:id/content', { schema: content }, async (request, reply) => {
      const asset = await owned(request.params.id, context.principal(request));
      return await sendContent(request, reply, {
        size: asset.size,
        contentType: asset.contentType,
        digest: asset.id,
        filename: nameOf(asset),
        download: request.query.download !== undefined,
        ...(downloads === null ? {} : { address: (head) => downloads.readAddress(asset.id, head, seconds) }),
        open: (range) => context.blobs.readAsset(asset.id, range),
      });
    });

    const runs = { 200: Type.Object({ items: Type.Array(Type.Ref('Run')) }), ...problems };
    app.get(
      '/v1/assets/:id/runs',
      { schema: { tags, summary: 'Its runs', params: Id, response: runs } },
      async (request) => {
        const asset = await owned(request.params.id, context.principal(request));
        const assetName = nameOf(asset);
        return { items: (await context.ledger.runsOf(asset.id)).map((run) => renderRun({ ...run, assetName })) };
      },
    );
    await app.register(artifactRoutes(context, owned));
    await app.register(deletionRoute(context, owned));
  };
}

function deletionRoute(
  context: NativeContext,
  owned: (id: string, principal: string) => Promise<OwnedAsset>,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    const description =
      'With everything that was made of it. Content that others have too stays for them. What an upload says of it stays as long as the upload does.';
    app.delete(
      '/v1/assets/:id',
      { schema: { tags, summary: 'Delete', description, params: Id, response: { 204: Type.Null(), ...problems } } },
      async (request, reply) => {
        const principal = context.principal(request);
        const { id } = await owned(request.params.id, principal);
        await context.deletion.delete(id, principal);
        return reply.code(204).send(null);
      },
    );
  };
}

function artifactRoutes(
  context: NativeContext,
  owned: (id: string, principal: string) => Promise<OwnedAsset>,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = { 200: Type.Object({ items: Type.Array(Type.Ref('Artifact')) }), ...problems };
    app.get(
      '/v1/assets/:id/artifacts',
      { schema: { tags, summary: 'Files that its steps produced', params: Id, response: list } },
      async (request) => {
        const asset = await owned(request.params.id, context.principal(request));
        const names = await stepNames(context, asset.id);
        return {
          items: (await context.ledger.artifacts(asset.id)).map((a) =>
            renderArtifact(a, asset.id, names.get(a.stepKey) ?? ''),
          ),
        };
      },
    );

    const params = Type.Object({
      id: Type.String({ maxLength: 64 }),
      step: Type.String({ maxLength: 64 }),
      name: Type.String({ maxLength: 512 }),
    });
    app.get(
      '/v1/assets/:id/artifacts/:step/:name',
      { schema: { tags, summary: 'The bytes of one (Range, ETag)', params, querystring: Download } },
      async (request, reply) => {
        const asset = await owned(request.params.id, context.principal(request));
        const { step, name } = request.params;
        const artifact = (await context.ledger.artifacts(asset.id)).find(
          (a: Artifact) => a.stepKey === step && a.name === name,
        );
        if (!artifact) throw new HoldfastError('artifact-not-found', `The asset has no artifact ${name} of that step.`);
        return await sendContent(request, reply, {
          size: artifact.size,
          contentType: artifact.contentType,
          digest: artifact.sha256,
          filename: artifact.name,
          download: request.query.download !== undefined,
          open: (range) => context.artifacts.read(artifact, range),
        });
      },
    );
  };
}

async function stepNames(context: NativeContext, assetId: string): Promise<Map<string, string>> {
  const runs = await context.ledger.runsOf(assetId);
  return new Map(runs.flatMap((run) => run.steps.map((step) => [step.key, step.name] as const)));
}
