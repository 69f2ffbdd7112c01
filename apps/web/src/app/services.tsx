/** What the page works with, made once in main.tsx and handed down: nothing lives at module scope, so tests and a second page on one screen have their own. */
import { createContext, type ReactNode, useContext } from 'react';
import type { Api } from '../api/api.ts';
import type { Audio, Workshop } from '../compression/workshop.ts';
import type { EventStream } from '../events/event-stream.ts';
import type { Store } from '../state/store.ts';
import type { UploadDesk } from '../uploads/upload-desk.ts';
import type { Announcer } from './announcer.ts';
import type { Session } from './session.ts';

export interface Services {
  readonly api: Api;
  readonly events: EventStream;
  readonly uploads: UploadDesk;
  readonly workshop: Workshop;
  readonly loadAudio: () => Promise<Audio>;
  readonly session: Session;
  readonly announcer: Announcer;
  /** Counts the assets that were deleted here: no event tells of them. */
  readonly deletions: Store<number>;
}

const ServicesContext = createContext<Services | null>(null);

export function ServicesProvider({ services, children }: { services: Services; children: ReactNode }) {
  return <ServicesContext value={services}>{children}</ServicesContext>;
}

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new Error('useServices needs a ServicesProvider above it.');
  return services;
}
