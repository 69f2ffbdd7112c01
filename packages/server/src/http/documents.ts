/** What the server says about itself to browsers and tools: the page's security policy and the head of the OpenAPI document. */

/** Content security policy of the web page: nothing from elsewhere, nothing inline. */
export const pageSecurity = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:', 'blob:'],
  'media-src': ["'self'", 'blob:'],
  'style-src': ["'self'"],
  'script-src': ["'self'"],
  'worker-src': ["'self'", 'blob:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'frame-ancestors': ["'none'"],
  'upgrade-insecure-requests': null,
};

export function openApiInfo(version: string, basePath: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version,
      description: 'Uploads that arrive: resumable, verified, processed once.',
      license: { name: 'MIT' },
    },
    servers: [{ url: `${basePath}/` }],
    components: { securitySchemes: { apiKey: { type: 'http' as const, scheme: 'bearer' } } },
    security: [{ apiKey: [] }],
  };
}
