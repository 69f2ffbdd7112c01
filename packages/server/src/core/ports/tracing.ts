/**
 * Where the time of a request, a completion or a step goes, for a collector of traces. Calls are cheap and never throw. What is told are
 * names of ours, counts and ids: no file names, no bodies, no addresses, no messages of errors, which may have any of these in them.
 */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A piece of work that lasts. */
export interface Span {
  /** Adds what is known only now. */
  add(facts: SpanFacts): void;
  /** It did not do what it was for; `kind`: a code or a name, never a message. */
  fail(kind: string): void;
}

/** A span whose end somebody tells. */
export interface OpenSpan extends Span {
  /** Spans that begin in `work`, or in what it starts, are parts of this one. */
  run(work: () => void): void;
  /** Once. */
  end(): void;
}

/** What a client sends of the trace that it is in: W3C Trace Context. */
export interface IncomingTrace {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

export interface Tracing {
  /** False: nothing is recorded, and what only serves that can be left out. */
  readonly enabled: boolean;
  /** Does `work` in a span that is part of the one around it, and ends when `work` does; a rejection is its failure, and passes. */
  within<T>(name: string, facts: SpanFacts, work: (span: Span) => Promise<T>): Promise<T>;
  /** As `within`, but part of no other: for work that whatever happened to run around it did not ask for. */
  apart<T>(name: string, facts: SpanFacts, work: (span: Span) => Promise<T>): Promise<T>;
  /** Begins the span of a request, which goes on with the client's trace if it sent one that can be read. */
  request(name: string, facts: SpanFacts, incoming: IncomingTrace): OpenSpan;
}

const noSpan: OpenSpan = { add: () => {}, fail: () => {}, run: (work) => work(), end: () => {} };

/** Nothing is recorded. */
export const noTracing: Tracing = {
  enabled: false,
  within: (_name, _facts, work) => work(noSpan),
  apart: (_name, _facts, work) => work(noSpan),
  request: () => noSpan,
};
