/** Shapes and codecs of Holdfast's wire formats. */
export * from './content-digest.ts';
export * from './direct.ts';
export type * from './health.ts';
export * from './native.ts';
export * from './pipelines.ts';
export * from './probe.ts';
export * from './problem.ts';
export * from './runs.ts';
export * from './search.ts';
export * from './server-info.ts';
export * from './shown-name.ts';
export * from './upload-tokens.ts';
export * from './watch.ts';
export * from './webhooks.ts';
