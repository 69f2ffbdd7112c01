import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The host stays that of the page: a server takes changes from pages of its own host only.
const holdfast = { target: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:8080', changeOrigin: false };

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // Its workers are found beside its files; copied into one bundle they would not be.
  optimizeDeps: {
    exclude: ['@holdfast/client'],
    include: ['@holdfast/client > idb', '@holdfast/client > @holdfast/protocol'],
  },
  server: { host: '127.0.0.1', proxy: { '/v1': holdfast, '/api': holdfast } },
});
