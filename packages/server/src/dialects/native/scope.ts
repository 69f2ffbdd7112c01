/** Whose runs a request is about: one's own, or everybody's for administrators. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { RunWithSteps } from '../../core/ledger.ts';
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
  if (run !== null && (await mayReach(context, run.assetId, principal))) return run;
  throw new HoldfastError('run-not-found', `There is no run ${id} here.`);
}

export async function mayReach(context: NativeContext, assetId: string, principal: string): Promise<boolean> {
  return context.isAdmin(principal) || (await context.store.findAsset(assetId, principal)) !== null;
}

function refusal(what: string): HoldfastError {
  return new HoldfastError('forbidden', `${what} The setting "admins" (HOLDFAST_ADMINS) names them.`);
}
