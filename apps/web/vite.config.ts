import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `vite dev` serves the page from source and hands the API to a Holdfast server that runs beside it.
// The host stays that of the page: the server takes changes from pages of its own host only.
const apiInDevelopment = { target: 'http://127.0.0.1:8080', changeOrigin: false };

export default defineConfig({
  root: import.meta.dirname,
  // Relative to the page's <base>, which the server sets to where it is.
  base: './',
  plugins: [react()],
  build: {
    outDir: '../../packages/server/web',
    emptyOutDir: true,
    // The policy is default-src 'self': a font or picture that is inlined as data: would only be allowed for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
  },
  server: { proxy: { '/v1': apiInDevelopment, '/api': apiInDevelopment, '/health': apiInDevelopment } },
});
