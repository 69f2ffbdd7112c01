/** The states of a recording by their Spanish names. */
import { unreachable } from '../../core/errors.ts';
import type { Upload } from '../../core/upload.ts';

export const estados = [
  'iniciado',
  'subiendo',
  'pausado',
  'validando',
  'ensamblando',
  'completado',
  'cancelado',
  'expirado',
  'error',
] as const;
export type Estado = (typeof estados)[number];

/** `receiving` is two of them: before the first chunk and after it. */
export function estadoOf(upload: Upload): Estado {
  const { phase } = upload;
  switch (phase.name) {
    case 'receiving':
      return upload.firstByteAt === null ? 'iniciado' : 'subiendo';
    case 'paused':
      return 'pausado';
    case 'validating':
      return 'validando';
    case 'assembling':
      return 'ensamblando';
    case 'completed':
      return 'completado';
    case 'cancelled':
      return 'cancelado';
    case 'expired':
      return 'expirado';
    case 'failed':
      return 'error';
    default:
      return unreachable(phase);
  }
}
