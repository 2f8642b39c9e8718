import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';
import { createAuthority, type Authority, type Certificate } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import { run } from './cases.ts';

let authority: Authority;
let one: Certificate;
let other: Certificate;
beforeAll(async () => {
  authority = await createAuthority();
  one = await authority.issue('one.example', '*.one.example');
  other = await authority.issue('other.example');
});

interface Written {
  readonly cert?: unknown;
  readonly key?: unknown;
  readonly hosts?: string[];
}

/** A configuration whose TLS listener is as given, one key a line: `certificates` is line 4. */
function load(certificates: Written[], more: Record<string, unknown> = {}, root = '') {
  const lines = Object.entries({ port: 8443, certificates, ...more });
  const text = `listen:\n  https:\n${lines.map(([key, value]) => `    ${key}: ${JSON.stringify(value)}\n`).join('')}`;
  return loadText(`version: 1\n${text}${root}`, join(dirname(one.certFile), 'a.yaml'), { env: {} });
}
const mistakes = (loaded: ReturnType<typeof load>) =>
  loaded.ok ? [] : loaded.mistakes.map((each) => formatMistake(each).replace(/^.*?a\.yaml:\d+:\d+ /, ''));
const warnings = (loaded: ReturnType<typeof load>) =>
  loaded.ok ? loaded.warnings.map(({ path, message }) => `${path}: ${message}`) : mistakes(loaded);

const files = ({ certFile, keyFile }: Certificate) => ({ cert: certFile, key: keyFile });
const at = 'listen.https.certificates';

test('paths relative to the file, references and PEM text come to the same', () => {
  const loaded = load([
    { cert: basename(one.certFile), key: { file: basename(one.keyFile) }, hosts: ['One.example'] },
    { cert: other.cert, key: other.key },
  ]);
  expect(mistakes(loaded)).toEqual([]);
  expect(warnings(loaded)).toEqual([]);
  expect(loaded).toMatchObject({
    files: [one.certFile, one.keyFile],
    config: {
      listen: {
        https: {
          host: '0.0.0.0',
          minVersion: 'TLSv1.2',
          certificates: [
            { cert: one.cert, key: one.key, hosts: ['one.example'] },
            { cert: other.cert, key: other.key, hosts: ['other.example'] },
          ],
        },
      },
    },
  });
});

test('without hosts a certificate serves all the names that it is made out to', () => {
  expect(load([files(one)])).toMatchObject({
    config: { listen: { https: { certificates: [{ hosts: ['one.example', '*.one.example'] }] } } },
  });
});

describe('files that cannot be used are mistakes with their reason, each told once', () => {
  test.each<[string, () => Written, string[]]>([
    ['missing', () => ({ ...files(one), cert: 'none.crt' }), [`${at}.0.cert: .*none.crt cannot be read`]],
    ['missing', () => ({ cert: { file: 'a' }, key: 'b' }), [`${at}.0.cert.file: .*`, `${at}.0.key: .*`]],
    [
      'not PEM',
      () => ({ ...files(one), cert: join(import.meta.dirname, 'cases.ts') }),
      [`${at}.0.cert: holds no`],
    ],
    [
      'exchanged',
      () => ({ cert: one.keyFile, key: one.certFile }),
      [`${at}.0.cert: holds no`, `${at}.0.key: not a`],
    ],
    ['no pair', () => ({ cert: one.certFile, key: other.keyFile }), [`${at}.0.key: cert and key .*mismatch`]],
    ['absent', () => ({ cert: one.certFile }), [`${at}.0.key: missing: add it`]],
  ])('%s', (_, certificate, expected) => {
    const told = mistakes(load([certificate()]));
    expect(told).toHaveLength(expected.length);
    expected.forEach((pattern, i) => expect(told[i]).toMatch(new RegExp(`^${pattern}`)));
  });

  test('a kind of key that only one HTTP implementation knows', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-pss-'));
    atEnd(() => rmSync(folder, { recursive: true }));
    const key = join(folder, 'pss.key');
    const cert = join(folder, 'pss.crt');
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    openssl('genpkey', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', key);
    openssl('req', '-x509', '-key', key, '-subj', '/CN=pss.example', '-days', '2', '-out', cert);
    expect(mistakes(load([{ cert, key }]))).toEqual([expect.stringContaining(`${at}.0.key: not every HTTP`)]);
  });
});

describe('names', () => {
  const told = (...certificates: Written[]) => mistakes(load(certificates));

  test('one name has one certificate', () => {
    expect(told(files(one), { ...files(other), hosts: ['other.example', 'one.example'] })).toEqual([
      expect.stringContaining(`${at}.1: certificate 0 serves one.example already`),
    ]);
  });

  test('an address, a port, a wildcard in the middle', () => {
    expect(told({ ...files(one), hosts: ['192.0.2.1', 'one.example:443', 'a.*.one.example'] })).toEqual([
      expect.stringContaining(`${at}.0.hosts.0: clients never ask for an address`),
      expect.stringContaining(`${at}.0.hosts.1: a host has no port`),
      expect.stringContaining(`${at}.0.hosts.2: a * stands only`),
    ]);
  });

  test('a name that the certificate is not made out to is a warning', () => {
    const hosts = ['one.example', '*.one.example', 'a.one.example', '*.other.example'];
    expect(warnings(load([{ ...files(one), hosts }]))).toEqual([
      `${at}.0.hosts.3: the certificate is not made out to *.other.example: clients will refuse it`,
    ]);
  });

  test('an expired certificate is a warning', () => {
    const folder = dirname(one.certFile);
    const [request, cert] = [join(folder, 'old.csr'), join(folder, 'old.crt')];
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    openssl('req', '-new', '-key', one.keyFile, '-subj', '/CN=old.example', '-out', request);
    openssl('x509', '-req', '-in', request, '-signkey', one.keyFile, '-days', '-1', '-out', cert);
    const loaded = load([{ cert, key: one.keyFile, hosts: ['old.example'] }]);
    expect(warnings(loaded)).toEqual([
      expect.stringMatching(/certificates\.0\.cert: the certificate expired on /),
    ]);
    // It has no DNS names of its own: as a second one nobody would ever get it.
    expect(told(files(one), { cert, key: one.keyFile })).toEqual([
      expect.stringMatching(/certificates\.1: .*hosts/),
    ]);
  });
});

describe('what the uws edge cannot do', () => {
  test('client certificates, TLS 1.3 only', () => {
    const more = { clientCa: authority.certFile, minVersion: 'TLSv1.3' };
    expect(mistakes(load([files(one)], more))).toEqual([
      expect.stringContaining('listen.https.clientCa: the uws edge cannot'),
      expect.stringContaining('listen.https.minVersion: the uws edge always'),
    ]);
    expect(mistakes(load([files(one)], { ...more, edge: 'node' }))).toEqual([]);
    expect(mistakes(load([files(one)], more, '  http: { port: 8080, edge: node }\n'))).toEqual([]);
  });

  test('clientCa is read and demands; clientCert alone is a mistake', () => {
    expect(load([files(one)], { clientCa: authority.certFile, edge: 'node' })).toMatchObject({
      config: { listen: { https: { clientCa: authority.cert, clientCert: 'require' } } },
    });
    expect(mistakes(load([files(one)], { clientCert: 'request', edge: 'node' }))).toEqual([
      expect.stringContaining('listen.https.clientCert: needs to know'),
    ]);
  });
});

test('no certificates at all, no port of its own', () => {
  expect(mistakes(load([]))).toEqual([expect.stringContaining('needs at least one certificate')]);
  expect(mistakes(load([files(one)], { port: 8080 }))).toEqual([
    expect.stringContaining('listen.https.port: listen.http has port 8080 too'),
  ]);
});

test('a file that is empty is told as such', () => {
  const empty = join(dirname(one.certFile), 'empty.crt');
  writeFileSync(empty, '\n');
  expect(mistakes(load([{ ...files(one), cert: empty }]))).toEqual([expect.stringContaining('is empty')]);
});

describe('redirect', () => {
  const route = 'routes:\n  - { id: a, match: { paths: [/a] }, respond: {}, redirect: https }\n';
  run([
    [
      'with nothing that could come over https',
      `version: 1\n${route}`,
      ['3:61 routes.0.redirect', 'listen.https'],
    ],
    ['behind a proxy that ends TLS', `version: 1\ntrustedProxies: [10.0.0.1]\n${route}`],
    ['to elsewhere', `version: 1\n${route.replace(': https', ': http')}`, ['3:61 routes.0.redirect']],
  ]);
});
