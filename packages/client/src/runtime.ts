/** Time, chance and connectivity as values: the only file of the engine that touches the globals for them. */
export interface Runtime {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
  /** False when the platform knows that there is no network. */
  isOnline(): boolean;
  /** Calls back when connectivity changed or the page woke up; the returned function unsubscribes. */
  onConnectivity(callback: () => void): () => void;
}

const wakeEvents = ['online', 'offline', 'pageshow', 'visibilitychange'] as const;

/** The real thing, in browsers, workers and Node. Touches nothing until it is called. */
export function defaultRuntime(): Runtime {
  return {
    now: () => Date.now(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    isOnline: () => globalThis.navigator?.onLine !== false,
    onConnectivity: (callback) => {
      if (typeof globalThis.addEventListener !== 'function') return () => {};
      // visibilitychange bubbles from document to window.
      for (const name of wakeEvents) globalThis.addEventListener(name, callback);
      return () => {
        for (const name of wakeEvents) globalThis.removeEventListener(name, callback);
      };
    },
  };
}
