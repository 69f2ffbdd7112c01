/** What the health page says. Pure. */
import type { HealthStatus, ServerInfo } from '@holdfast/protocol';

const statuses: Readonly<Record<HealthStatus, string>> = {
  ok: 'Everything works.',
  degraded: 'Uploads arrive; something else does not work.',
  failing: 'Uploads cannot be taken now.',
};

export function statusWords(status: HealthStatus): string {
  return statuses[status];
}

/** `state` → `State`, `watch:/films` → `Watch: /films`. */
export function checkTitle(name: string): string {
  const [kind = '', ...rest] = name.split(':');
  const title = kind.charAt(0).toUpperCase() + kind.slice(1);
  return rest.length === 0 ? title : `${title}: ${rest.join(':')}`;
}

export function durabilityWords(durability: ServerInfo['durability']): string {
  return durability === 'synced' ? 'survives a power cut' : 'survives the end of the process';
}
