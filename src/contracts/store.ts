import { z } from 'zod';
import { planned, plannedValue } from './blocks.ts';
import { size } from './units.ts';

const MB = 1024 ** 2;

const memory = z.strictObject({
  size: size
    .refine((bytes) => bytes >= MB && bytes <= 1024 * MB, 'shared memory takes 1MB to 1GB')
    .prefault('16MB')
    .describe(
      'Bytes that the workers share; a key that is being limited takes 32, twice that when all is well.',
    ),
  path: z
    .string()
    .min(1)
    .default('/dev/shm')
    .describe('Folder of a file system in memory; where it cannot be used, the folder for temporary files.'),
});

/** The `store` part of the configuration: where limits, sessions and other shared state live. */
export const store = z.strictObject({
  kind: z
    .literal('embedded', plannedValue(['redis'], 'embedded'))
    .default('embedded')
    .describe('Where limits are counted: embedded = in this node.'),
  memory: memory.prefault({}).describe('Memory in which the workers of a node count.'),
  url: planned('store.url'),
});
