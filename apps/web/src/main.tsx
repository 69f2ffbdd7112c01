/** Puts the page together: the only place that touches the browser's globals to make services. */
import { UploadQueueManager } from '@holdfast/client/queue';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createApi } from './api/api.ts';
import { createAnnouncer } from './app/announcer.ts';
import { App } from './app/app.tsx';
import { type Services, ServicesProvider } from './app/services.tsx';
import { createSession } from './app/session.ts';
import { createWorkshop } from './compression/workshop.ts';
import { createEventStream } from './events/event-stream.ts';
import { basePathOf, underBase } from './routing/base.ts';
import { NavigationProvider } from './routing/navigation.tsx';
import { setTimer } from './state/resource.ts';
import { createStore } from './state/store.ts';
import { createUploadDesk } from './uploads/upload-desk.ts';

function createServices(): Services {
  const storage = availableStorage();
  const base = basePathOf(document.baseURI);
  const session = createSession(storage);
  const announcer = createAnnouncer({ setTimer });
  const api = createApi({
    fetch: (path, init) => window.fetch(typeof path === 'string' ? underBase(base, path) : path, init),
    onSignedOut: session.lost,
  });
  const events = createEventStream({
    open: (url) => new EventSource(underBase(base, url)),
    newestId: async () => (await api.recentEvents(1))[0]?.id ?? 0,
    setTimer,
    // Tells a lost session from a server that is away; the answer itself is of no use.
    onGivenUp: () => void api.recentEvents(1).catch(() => undefined),
  });
  const uploads = createUploadDesk({
    openedAt: Date.now(),
    // One origin can have several servers, each below a path of its own.
    openQueue: (owner) => new UploadQueueManager({ endpoint: base, owner, databaseName: `holdfast-queue${base}` }),
    api,
    announce: announcer.say,
    onSignedOut: session.lost,
    onOtherOwner: () => workshop.clear(),
  });
  const loadAudio = () => import('@holdfast/client/audio');
  const workshop = createWorkshop({
    loadAudio,
    send: (outgoing) => uploads.send(outgoing),
    note: (text, tone) => uploads.note(text, tone),
    announce: announcer.say,
  });
  return { api, events, uploads, workshop, loadAudio, session, announcer, deletions: createStore(0) };
}

/** Browsers can refuse even to name it. */
function availableStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root.');
createRoot(root).render(
  <StrictMode>
    <ServicesProvider services={createServices()}>
      <NavigationProvider>
        <App />
      </NavigationProvider>
    </ServicesProvider>
  </StrictMode>,
);
