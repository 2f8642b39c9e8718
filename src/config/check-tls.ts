import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Path, Report } from './mistakes.ts';
import type { Raw } from './raw.ts';

/** One certificate of a PEM text. */
export const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Checks the certificates and the key of an upstream, so that what OpenSSL would refuse is known now and
 * not at the first connection. Files are inlined by now; one that could not be read is passed over.
 */
export function checkTls({ ca, cert, key }: Raw, path: Path, report: Report): void {
  checkCertificates(ca, [...path, 'ca'], report);
  checkPair({ cert, key }, path, report);
  if (cert !== undefined && key === undefined) report(path, 'cert needs its key: add key');
  if (key !== undefined && cert === undefined) report(path, 'key needs its certificate: add cert');
}

/** Checks a certificate and its key, each by itself and together. True = they can be used. */
export function checkPair({ cert, key }: Raw, path: Path, report: Report): boolean {
  const certified = checkCertificates(cert, [...path, 'cert'], report);
  const keyed = checkKey(key, [...path, 'key'], report);
  if (!certified || !keyed) return false;
  const reason = refusal(() => createSecureContext({ cert: String(cert), key: String(key) }));
  if (reason !== null)
    report(
      [...path, 'key'],
      `cert and key cannot be used together (${reason}): use the key that the certificate was made for`,
    );
  return reason === null;
}

/** Whether there is one certificate or more and each can be read. Node passes over a bad `ca` in silence. */
export function checkCertificates(pem: unknown, path: Path, report: Report): boolean {
  if (typeof pem !== 'string') return false;
  const found = pem.match(CERTIFICATE) ?? [];
  if (found.length === 0) {
    report(path, 'holds no certificate: give PEM text (-----BEGIN CERTIFICATE-----) or { file: PATH }');
    return false;
  }
  for (const [i, each] of found.entries()) {
    const reason = refusal(() => new X509Certificate(each));
    if (reason === null) continue;
    report(path, `certificate ${String(i + 1)} cannot be read (${reason}): export it again as PEM`);
    return false;
  }
  return true;
}

function checkKey(pem: unknown, path: Path, report: Report): boolean {
  if (typeof pem !== 'string') return false;
  const reason = /ENCRYPTED/.test(pem) ? 'it is encrypted' : refusal(() => createPrivateKey(pem));
  if (reason !== null)
    report(path, `not a usable private key (${reason}): give an unencrypted PEM key or { file: PATH }`);
  return reason === null;
}

/** Why OpenSSL refuses, in its own words and without its error numbers. */
function refusal(use: () => unknown): string | null {
  try {
    use();
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.split(':').at(-1)!.trim();
  }
}
