/** Whose runs a request is about: one's own, or everybody's for administrators. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { RunWithSteps } from '../../core/ledger.ts';
import type { OwnedAsset } from '../../core/ports/upload-store.ts';
import type { NativeContext } from './context.ts';

export const ScopeQuery = Type.Optional(
  Type.Union([Type.Literal('own'), Type.Literal('all')], {
    description: 'Whose: own, or all for administrators, for whom all is the default.',
  }),
);

/** The principal to keep to; none for everybody's. Throws `forbidden`. */
export function scopeOf(
  context: NativeContext,
  request: FastifyRequest,
  scope: 'own' | 'all' | undefined,
): { principal?: string } {
  const principal = context.principal(request);
  const admin = context.isAdmin(principal);
  if (scope === 'all' && !admin) throw refusal(`Runs of others are for administrators, and ${principal} is none.`);
  return admin && scope !== 'own' ? {} : { principal };
}

/** Throws `forbidden` for everybody else. */
export function onlyAdmins(context: NativeContext, request: FastifyRequest): string {
  const principal = context.principal(request);
  if (context.isAdmin(principal)) return principal;
  throw refusal(`Classes concern everybody's runs, so only administrators pause them, and ${principal} is none.`);
}

/** The run, if the principal owns its asset or is an administrator. Throws `run-not-found`. */
export async function reachableRun(context: NativeContext, id: string, principal: string): Promise<RunWithSteps> {
  const run = await context.ledger.findRun(id);
  const reached = run && (await reachable(context, run, { assetId: run.assetId, principal }));
  if (reached !== null) return reached;
  throw new HoldfastError('run-not-found', `There is no run ${id} here.`);
}

/** What belongs to an asset, under the name that the principal gave that; null for those who neither own it nor are administrators. */
export async function reachable<T extends { readonly assetName: string }>(
  context: NativeContext,
  part: T,
  { assetId, principal }: { readonly assetId: string; readonly principal: string },
): Promise<T | null> {
  if (context.isAdmin(principal)) return part;
  const asset = await context.store.findAsset(assetId, principal);
  return asset === null ? null : { ...part, assetName: nameOf(asset) };
}

/** The newest name under which its owner has it, made safe: others may have the same content under names of their own. */
export function nameOf({ id, sources }: OwnedAsset): string {
  return sources[0]?.safeName ?? id;
}

function refusal(what: string): HoldfastError {
  return new HoldfastError('forbidden', `${what} The setting "admins" (HOLDFAST_ADMINS) names them.`);
}
