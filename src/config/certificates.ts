import { X509Certificate } from 'node:crypto';
import { CERTIFICATE } from './check-tls.ts';

/** The first certificate of a PEM text, which is the one that a server shows as its own; null = none can be read. */
export function leafOf(pem: string): X509Certificate | null {
  const [first] = pem.match(CERTIFICATE) ?? [];
  try {
    return first === undefined ? null : new X509Certificate(first);
  } catch {
    return null;
  }
}

/** The DNS names that a certificate is made out to, in lower case. */
export function dnsNames(certificate: X509Certificate): string[] {
  const alternatives = certificate.subjectAltName?.split(', ') ?? [];
  return alternatives.flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4).toLowerCase()] : []));
}

/** Whether a client that asks for that name (`*.suffix`: for any name under it) would accept the certificate. */
export const covers = (certificate: X509Certificate, host: string): boolean =>
  certificate.checkHost(host.replace(/^\*/, 'any')) !== undefined;

const CURVES: ReadonlySet<unknown> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** Whether both HTTP implementations can serve with that kind of key. */
export function isServable({ publicKey }: X509Certificate): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  return type === 'rsa' || type === 'ed25519' || (type === 'ec' && CURVES.has(details?.namedCurve));
}

/** Why a certificate will not be accepted today; null = its time has come and is not over. */
export function datedProblem({ validFrom, validTo }: X509Certificate, now: number): string | null {
  if (now > Date.parse(validTo)) return `expired on ${validTo}`;
  return now < Date.parse(validFrom) ? `is not valid before ${validFrom}` : null;
}

/** The names that a certificate is chosen by: those written, or else all that it is made out to. */
export function hostsOf(written: readonly string[], pem: string): string[] {
  if (written.length > 0) return written.map((host) => host.toLowerCase());
  const leaf = leafOf(pem);
  return leaf === null ? [] : dnsNames(leaf);
}
