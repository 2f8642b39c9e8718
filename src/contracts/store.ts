import { z } from 'zod';
import { clientTls, fileRef } from './blocks.ts';
import { duration, size } from './units.ts';

/** The `store` part of the configuration: where limits, sessions and other shared state live. */

/** Text, or the file that holds it; the loader has put the text in its place by now. */
const secret = z
  .union([z.string().min(1), fileRef])
  .transform((value) => (typeof value === 'string' ? value : ''));

const url = secret.describe('redis://[user:password@]host[:port][/db], or rediss:// for TLS.');

/** Milliseconds, in bounds that are told in the same words as they are written. */
const between = (least: number, most: number) =>
  duration.refine((ms) => ms >= least && ms <= most, `must be from ${String(least)}ms to ${String(most)}ms`);

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

export const store = z.strictObject({
  kind: z
    .enum(['embedded', 'redis'])
    .default('embedded')
    .describe('Where limits are counted: embedded = in this node; redis = in a Redis that many nodes share.'),
  memory: memory.prefault({}).describe('Memory in which the workers of a node count, whatever the kind.'),
  dir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder where an embedded store keeps what the admin API changes; without it a restart forgets that.',
    ),
  url: url.optional().describe('Address of the Redis; with cluster: of any node of it.'),
  urls: z.array(url).min(1).optional().describe('Addresses of several nodes of a Redis Cluster.'),
  cluster: z.boolean().default(false).describe('Whether it is a Redis Cluster.'),
  sentinel: z
    .strictObject({
      name: z.string().min(1).describe('Name of the master that the sentinels watch.'),
      urls: z.array(url).min(1).describe('Addresses of the sentinels; credentials in them are theirs.'),
    })
    .optional()
    .describe('Asks Redis Sentinel which server is the master.'),
  username: secret.optional().describe('User of the ACL; for url it may stand there.'),
  password: secret.optional().describe('Password; for url it may stand there.'),
  db: z.int().min(0).max(65_535).optional().describe('Number of the database; for url it may stand there.'),
  tls: clientTls.optional().describe('For rediss:// addresses.'),
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9._:-]{1,64}$/,
      'a prefix is 1 to 64 letters, digits, dots, colons, dashes or underscores',
    )
    .default('sluice')
    .describe('Every key in Redis begins with it: gateways with the same one share their limits.'),
  nodes: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('How many gateway nodes share the limits at least; without Redis each enforces its share.'),
  timeout: between(5, 1_000)
    .prefault('50ms')
    .describe('Longest wait of a request for Redis; past it the node decides by itself.'),
  lease: between(0, 100)
    .prefault('100ms')
    .describe('How long a node may hold tokens of a busy key; 0ms = it never does.'),
});

/** Where and how shared state is kept. */
export type StoreConfig = z.output<typeof store>;
