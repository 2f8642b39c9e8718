// The primary of a node whose workers are stubs: node run-primary.mjs CONFIG
import { fileURLToPath } from 'node:url';
import { run } from '../../dist/primary.js';

const worker = fileURLToPath(new URL('./stub-worker.mjs', import.meta.url));
await run({ file: process.argv[2], flags: {}, worker });
process.on('SIGUSR2', () => {
  throw new Error('a bug');
});
