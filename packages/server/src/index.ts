/** Holdfast as a library: open a node, and mount it in a program of your own or have it listen (docs/embedding.md). */

export { openNode, type ServerNode } from './cli/compose.ts';
export type { NodeOptions } from './cli/node-options.ts';
export { limitsOf, loadConfig, type Sources } from './config/load.ts';
export type { Config, ConfigKey } from './config/schema.ts';
export { type ErrorCode, errorCatalog, HoldfastError } from './core/errors.ts';
export type { Limits } from './core/limits.ts';
export type { AuthHook, Credentials } from './http/auth.ts';
