/** What the companion dialect needs from the HTTP layer and the services; passed in by the composition root. */
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../uploads/caller.ts';
import type { UploadService } from '../../uploads/service.ts';

export interface CompanionContext {
  readonly uploads: UploadService;
  /** Who asks, for the upload service. */
  caller(request: FastifyRequest): Caller;
  /** A path of ours as the client has to ask for it. */
  address(path: string): string;
}
