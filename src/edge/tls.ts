import type { HttpsConfig } from '../contracts/listen.ts';

/** What a TLS listener serves with. Certificates and keys are PEM text; each has the names it is chosen by. */
export type TlsSettings = Pick<HttpsConfig, 'certificates' | 'clientCa' | 'clientCert' | 'minVersion'>;

/**
 * Cipher suites of TLS 1.2, in OpenSSL's names: ephemeral keys and authenticated encryption only
 * (RFC 9325 section 4.2). Those of TLS 1.3 are all fit, and fixed.
 */
export const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
