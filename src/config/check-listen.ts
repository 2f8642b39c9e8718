import { isIP } from 'node:net';
import { covers, datedProblem, hostsOf, isServable, leafOf } from './certificates.ts';
import { hostProblem } from './check-match.ts';
import { checkCertificates, checkPair } from './check-tls.ts';
import type { Path, Report } from './mistakes.ts';
import { getIn, isMap, listOf, mapOf, textsOf, type Raw } from './raw.ts';

/** Checks the listeners, among them that of the admin API. `warn`: what is served all the same, but hardly meant so. */
export function checkListen(data: Raw, report: Report, warn: Report): void {
  checkPorts(data, report);
  const https = getIn(data, ['listen', 'https']);
  if (!isMap(https)) return;
  checkCertificateList(https, report, warn);
  checkEdge(data, https, report);
  const path = ['listen', 'https', 'clientCa'];
  checkCertificates(https.clientCa, path, report);
  if (https.clientCert !== undefined && https.clientCa === undefined)
    report(['listen', 'https', 'clientCert'], 'needs to know whose certificates count: add clientCa');
}

/** Defaults are those of the schema: a port that is not written still clashes. */
function checkPorts(data: Raw, report: Report): void {
  const listeners: readonly (readonly [name: string, path: Path, port: unknown])[] = [
    ['listen.http', ['listen', 'http', 'port'], 8080],
    ['listen.https', ['listen', 'https', 'port'], undefined],
    ['admin', ['admin', 'port'], 9080],
  ];
  const taken = new Map<number, string>();
  for (const [name, path, fallback] of listeners) {
    const port = getIn(data, path) ?? fallback;
    if (typeof port !== 'number' || port === 0) continue;
    const owner = taken.get(port);
    if (owner !== undefined) report(path, `${owner} has port ${String(port)} too: give each its own`);
    else taken.set(port, name);
  }
}

/** What uWebSockets.js cannot do is told here rather than left undone. */
function checkEdge(data: Raw, https: Raw, report: Report): void {
  if ((https.edge ?? getIn(data, ['listen', 'http', 'edge']) ?? 'uws') !== 'uws') return;
  const remedy = 'write edge: node in listen.https';
  if (https.clientCa !== undefined)
    report(['listen', 'https', 'clientCa'], `the uws edge cannot demand client certificates: ${remedy}`);
  if (https.minVersion === 'TLSv1.3')
    report(['listen', 'https', 'minVersion'], `the uws edge always takes TLS 1.2 too: ${remedy}`);
}

function checkCertificateList({ certificates }: Raw, report: Report, warn: Report): void {
  const owners = new Map<string, number>();
  for (const [i, each] of listOf(certificates).entries()) {
    const { cert, key, hosts } = mapOf(each);
    const path = ['listen', 'https', 'certificates', i];
    checkHosts(hosts, [...path, 'hosts'], report);
    if (!checkPair({ cert, key }, path, report) || typeof cert !== 'string') continue;
    checkLeaf(cert, textsOf(hosts), path, report, warn);
    const names = hostsOf(
      textsOf(hosts).map(([, name]) => name),
      cert,
    );
    if (names.length === 0 && i > 0)
      report(path, 'is made out to no DNS name, so no client would get it: add hosts');
    for (const name of names) {
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, i);
      else if (owner !== i)
        report(path, `certificate ${String(owner)} serves ${name} already: remove that name from one`);
    }
  }
}

function checkHosts(hosts: unknown, path: Path, report: Report): void {
  for (const [i, host] of textsOf(hosts)) {
    const problem =
      isIP(host) > 0 || host.startsWith('[')
        ? 'clients never ask for an address by SNI: put that certificate first and leave the address out'
        : hostProblem(host);
    if (problem !== null) report([...path, i], problem);
  }
}

function checkLeaf(
  cert: string,
  hosts: readonly (readonly [number, string])[],
  path: Path,
  report: Report,
  warn: Report,
): void {
  const leaf = leafOf(cert);
  if (leaf === null) return;
  if (!isServable(leaf))
    report(
      [...path, 'key'],
      'not every HTTP implementation can serve with this kind of key: use RSA, P-256, P-384, P-521 or Ed25519',
    );
  const dated = datedProblem(leaf, Date.now());
  if (dated !== null) warn([...path, 'cert'], `the certificate ${dated}: clients will refuse it`);
  for (const [i, host] of hosts)
    if (!covers(leaf, host))
      warn([...path, 'hosts', i], `the certificate is not made out to ${host}: clients will refuse it`);
}
