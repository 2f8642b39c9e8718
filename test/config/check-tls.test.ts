import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import { formatMistake } from '../../src/config/mistakes.ts';
import { createAuthority } from '../support/certs.ts';

/** A configuration with these `tls` entries, named as if it stood in `folder`. */
function load(folder: string, ...lines: string[]) {
  const text = `version: 1
upstreams:
  - id: a
    targets: [{ url: "https://a.example" }]
    tls:
${lines.map((line) => `      ${line}\n`).join('')}`;
  return loadText(text, join(folder, 'a.yaml'), { env: {} });
}
const mistakes = (loaded: ReturnType<typeof load>) => (loaded.ok ? [] : loaded.mistakes.map(formatMistake));

test('certificates and keys are read into the configuration, relative to its file', async () => {
  const authority = await createAuthority();
  const client = await authority.issue('client.example');
  const loaded = load(
    dirname(client.certFile),
    `ca: ${JSON.stringify(authority.cert)}`,
    `cert: { file: ${basename(client.certFile)} }`,
    `key: { file: ${client.keyFile} }`,
  );
  expect(mistakes(loaded)).toEqual([]);
  expect(loaded).toMatchObject({
    config: {
      upstreams: [{ tls: { ca: authority.cert, cert: client.cert, key: client.key, verify: true } }],
    },
    files: [client.certFile, client.keyFile],
  });
});

test('a key of another certificate is a mistake with its reason', async () => {
  const authority = await createAuthority();
  const [one, other] = [await authority.issue('one.example'), await authority.issue('other.example')];
  expect(mistakes(load('.', `cert: { file: ${one.certFile} }`, `key: { file: ${other.keyFile} }`))).toEqual([
    expect.stringMatching(/:7:12 upstreams\.0\.tls\.key: cert and key cannot be used together \(.*mismatch/),
  ]);
});

test('a key in place of a certificate, and the other way round, are two mistakes', async () => {
  const authority = await createAuthority();
  const { certFile, keyFile } = await authority.issue('one.example');
  expect(mistakes(load('.', `cert: { file: ${keyFile} }`, `key: { file: ${certFile} }`))).toEqual([
    expect.stringMatching(/:6:13 upstreams\.0\.tls\.cert: holds no certificate/),
    expect.stringMatching(/:7:12 upstreams\.0\.tls\.key: not a usable private key/),
  ]);
});

test('no mistake shows what is secret', async () => {
  const authority = await createAuthority();
  const { key } = await authority.issue('one.example');
  const told = mistakes(
    load('.', `cert: ${JSON.stringify(key)}`, `key: ${JSON.stringify(key.replace(/[A-F]/g, '0'))}`),
  );
  expect(told.length).toBeGreaterThan(0);
  for (const line of key.split('\n').slice(1, -2)) expect(told.join('\n')).not.toContain(line);
});
