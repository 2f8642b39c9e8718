import { z } from 'zod';

/** Building blocks that several parts of the configuration envelope share. */

/** A block that the contract names and this version does not have: using it is an error, never a silent no-op. */
export const planned = (what: string) =>
  z
    .never(`${what} is not in this version of Sluice yet: remove this block`)
    .optional()
    .describe('Not in this version yet.');

export const port = z.int('a port is a whole number from 0 to 65535').min(0).max(65535);

export const fileRef = z.strictObject({
  file: z.string().min(1).describe('Path, relative to the configuration file.'),
});

/** PEM text, or the file that holds it; the loader puts the text in its place. */
export const pem = z.union([z.string(), fileRef]);

/** The message for a value that the contract names and this version does not have; none for other wrong values. */
export const plannedValue = (known: readonly string[], instead: string) => ({
  error: ({ input }: { readonly input?: unknown }) => {
    const name = typeof input === 'object' && input !== null ? Object.keys(input)[0] : String(input);
    return name !== undefined && known.includes(name)
      ? `${name} is not in this version of Sluice yet: use ${instead}`
      : undefined;
  },
});

export const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'an id is 1 to 64 letters, digits, dots, dashes or underscores')
  .describe('Unique name; used in logs, metrics and the admin API.');

/** How to speak TLS to a server: a target of an upstream, or Redis. */
export const clientTls = z.strictObject({
  ca: pem.optional().describe('Certificate authorities to trust instead of the built-in ones (PEM).'),
  cert: pem.optional().describe('Client certificate (PEM).'),
  key: pem.optional().describe('Key of the client certificate (PEM).'),
  serverName: z.string().min(1).optional().describe('Name to send and to check; default: host of the URL.'),
  verify: z.boolean().default(true).describe('False accepts any certificate: for tests only.'),
});
