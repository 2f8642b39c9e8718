import { z } from 'zod';
import { fileRef, planned, port } from './blocks.ts';

/** The `listen` block of the configuration: where clients come in. */

const host = z.string().min(1).default('0.0.0.0').describe('Address to bind.');

const http = z.strictObject({
  host,
  port: port.describe('TCP port; 0 takes a free one.'),
  edge: z.enum(['uws', 'node']).optional().describe('Which HTTP implementation serves this listener.'),
});

/**
 * Path of a PEM file, `{ file: PATH }`, or PEM text. The loader has put the text in place of every path
 * by the time that anyone reads the output; what it could not read it has told of.
 */
const pemFile = z
  .union([z.string().min(1), fileRef])
  .transform((value) => (typeof value === 'string' ? value : ''));

const certificate = z.strictObject({
  cert: pemFile.describe('Certificate chain, leaf first: a PEM file, relative to the configuration file.'),
  key: pemFile.describe('Its private key, not encrypted: a PEM file.'),
  hosts: z
    .array(z.string())
    .default([])
    .describe('Names that get it, exact or *.suffix (one label); default: the DNS names it is made out to.'),
});

const https = z.strictObject({
  host,
  port: port.describe('TCP port; 0 takes a free one.'),
  publicPort: port
    .min(1)
    .optional()
    .describe('Port that clients see, where it is another (443 behind a port mapping); for redirects.'),
  edge: z
    .enum(['uws', 'node'])
    .optional()
    .describe('Which HTTP implementation serves this listener; default: that of listen.http.'),
  certificates: z
    .array(certificate)
    .min(1, 'a TLS listener needs at least one certificate')
    .describe('Chosen by the name that the client asks for (SNI); the first serves every other name.'),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('Lowest TLS version; TLSv1.3 needs edge: node.'),
  clientCa: pemFile
    .optional()
    .describe(
      'Authorities whose client certificates are accepted (mutual TLS): a PEM file. Needs edge: node.',
    ),
  clientCert: z
    .enum(['require', 'request'])
    .optional()
    .describe('Whether a client may do without a certificate; require is the default with clientCa.'),
});

export const listen = z.strictObject({
  http: http.prefault({ port: 8080 }).describe('The plain HTTP/1.1 listener.'),
  https: https.optional().describe('The HTTP/1.1 listener over TLS 1.2 and 1.3.'),
  h2c: planned('listen.h2c'),
});

export type HttpsConfig = z.output<typeof https>;
