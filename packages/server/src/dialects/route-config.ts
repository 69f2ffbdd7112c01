/** What a route says of itself to the HTTP layer. */

/** Requests of one class and one address are counted together. Without a word: PUT and PATCH are chunks, other changes writes. */
export type RateClass = 'reads' | 'writes' | 'chunks';

declare module 'fastify' {
  interface FastifyContextConfig {
    rate?: RateClass;
  }
}
