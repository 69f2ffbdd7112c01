/** Pipelines over what is there already: what would run, and starting it, one page of the library at a time. */
import { originOf } from '../core/asset.ts';
import { HoldfastError } from '../core/errors.ts';
import type { RunPlan } from '../core/ledger.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { LibraryAsset, LibraryStore } from '../core/ports/library-store.ts';
import type {
  CandidateFile,
  ForecastPage,
  PipelineAdmin,
  PipelineView,
  RunForecast,
  Selection,
} from '../core/ports/pipeline-admin.ts';
import type { Pipeline } from './definition.ts';
import { forecast } from './forecast.ts';
import { planRuns } from './plan.ts';

export interface LibraryParts {
  readonly ledger: Pick<LedgerStore, 'runsOf' | 'startRun'>;
  readonly library: LibraryStore;
  readonly pipelines: readonly Pipeline[];
  /** Pipelines of other files, checked like the server's own. Rejects with `invalid-request`. */
  check(files: readonly CandidateFile[]): Promise<readonly Pipeline[]>;
  /** Whether this server processes assets at all. */
  readonly processes: boolean;
  readonly clock: Clock;
  /** Wakes the runner. */
  notify(): void;
}

export class PipelineLibrary implements PipelineAdmin {
  readonly #parts: LibraryParts;

  constructor(parts: LibraryParts) {
    this.#parts = parts;
  }

  pipelines(): readonly PipelineView[] {
    return this.#parts.pipelines.map(viewOf);
  }

  async plan(selection: Selection, files: readonly CandidateFile[] | null): Promise<ForecastPage> {
    const pipelines = files === null ? this.#parts.pipelines : await this.#parts.check(files);
    return this.#page(selection, pipelines, async () => null);
  }

  async apply(selection: Selection): Promise<ForecastPage> {
    const { ledger, clock, pipelines, processes, notify } = this.#parts;
    if (!processes)
      throw new HoldfastError('forbidden', 'This server processes nothing: its setting "pipeline" is switched off.');
    const page = await this.#page(selection, pipelines, (asset, plan) => ledger.startRun(asset.id, plan, clock.now()));
    if (page.items.length > 0) notify();
    return page;
  }

  async #page(
    selection: Selection,
    pipelines: readonly Pipeline[],
    start: (asset: LibraryAsset, plan: RunPlan) => Promise<string | null>,
  ): Promise<ForecastPage> {
    const { pipeline, limit, cursor = '', assetId, since } = selection;
    const wanted = pipelines.filter((one) => pipeline === undefined || one.name === pipeline);
    if (pipeline !== undefined && wanted.length === 0) throw noPipeline(pipeline, pipelines);
    const assets = await this.#parts.library.libraryPage({
      after: cursor,
      limit,
      ...(assetId === undefined ? {} : { assetId }),
      ...(since === undefined ? {} : { since }),
    });
    if (assetId !== undefined && cursor === '' && assets.length === 0)
      throw new HoldfastError('asset-not-found', `There is no asset ${assetId} here.`);
    const found: { asset: LibraryAsset; plan: RunPlan; forecast: RunForecast }[] = [];
    for (const asset of assets) for (const item of await this.#forecasts(asset, wanted)) found.push({ asset, ...item });
    // Together, so that the store can make a page durable at once.
    const items = await Promise.all(
      found.map(async ({ asset, plan, forecast: told }) => ({ ...told, runId: await start(asset, plan) })),
    );
    return { items, looked: assets.length, cursor: assets.length < limit ? null : (assets.at(-1)?.id ?? null) };
  }

  async #forecasts(
    asset: LibraryAsset,
    pipelines: readonly Pipeline[],
  ): Promise<{ readonly plan: RunPlan; readonly forecast: RunForecast }[]> {
    const plans = planRuns(pipelines, asset, asset.sources.map(originOf));
    if (plans.length === 0) return [];
    const runs = await this.#parts.ledger.runsOf(asset.id);
    return plans.flatMap((plan) => {
      const { pipeline, pipelineVersion } = plan;
      const steps = forecast(plan, runs);
      if (!steps.some((step) => step.action === 'run')) return [];
      const assetName = asset.sources[0]?.safeName ?? asset.id;
      return [{ plan, forecast: { assetId: asset.id, assetName, pipeline, pipelineVersion, steps, runId: null } }];
    });
  }
}

function viewOf({ name, version, applies, steps }: Pipeline): PipelineView {
  return {
    name,
    version,
    applies: { ...applies },
    steps: steps.map((step) => ({
      name: step.name,
      version: step.version,
      kind: step.kind,
      needs: step.needs,
      wants: step.wants,
      params: step.params,
      class: step.class,
      priority: step.priority,
      attemptsMax: step.attemptsMax,
      timeoutMs: step.timeoutMs,
    })),
  };
}

function noPipeline(name: string, pipelines: readonly Pipeline[]): HoldfastError {
  const known = pipelines.map((one) => one.name).join(', ');
  return new HoldfastError('invalid-request', `There is no pipeline "${name}". There are: ${known || 'none'}.`);
}
