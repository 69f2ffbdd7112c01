import { defineConfig } from 'vite';

// The host stays that of the page: a server takes changes from pages of its own host only.
const holdfast = { target: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:8080', changeOrigin: false };

export default defineConfig({
  root: import.meta.dirname,
  server: { host: '127.0.0.1', proxy: { '/files': holdfast } },
});
