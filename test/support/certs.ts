import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atEnd } from './cleanup.ts';

const run = promisify(execFile);

/** A certificate with its key: PEM text and the files that hold it. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Authority extends Certificate {
  /** Issues a certificate for these DNS names and IPv4 addresses; the first is the common name. */
  issue(...names: string[]): Promise<Certificate>;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A certificate authority of its own in a temporary folder, removed at the end of the test. Needs openssl. */
export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-certs-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const path = (file: string) => join(folder, file);
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Sluice test CA'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ...['-keyout', path('ca.key'), '-out', path('ca.crt')],
  ]);
  let issued = 0;
  const issue = async (...names: string[]) => {
    const name = `leaf${(issued += 1)}`;
    const alt = names.map((each) => (/^[0-9.]+$/.test(each) ? `IP:${each}` : `DNS:${each}`));
    await writeFile(
      path(`${name}.ext`),
      `subjectAltName=${alt.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\n`,
    );
    await run('openssl', [
      ...['req', ...newKey, '-subj', `/CN=${names[0]}`],
      ...['-keyout', path(`${name}.key`), '-out', path(`${name}.csr`)],
    ]);
    await run('openssl', [
      ...['x509', '-req', '-in', path(`${name}.csr`), '-CA', path('ca.crt'), '-CAkey', path('ca.key')],
      ...['-CAcreateserial', '-days', '2', '-extfile', path(`${name}.ext`), '-out', path(`${name}.crt`)],
    ]);
    return load(path(`${name}.crt`), path(`${name}.key`));
  };
  return { ...(await load(path('ca.crt'), path('ca.key'))), issue };
}

async function load(certFile: string, keyFile: string): Promise<Certificate> {
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8'), certFile, keyFile };
}
