import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CIPHERS, type TlsSettings } from './tls.ts';
import type { TlsAppOptions, Uws, UwsApp } from './uws-types.ts';

/** How an edge makes its apps serve. */
export interface AppSetup {
  /** What belongs to an app as a whole: timers, the count of connections. */
  prepare(app: UwsApp): void;
  /** Routes of the app, or of the name that was last chosen with `domain`. */
  route(app: UwsApp): void;
}

/**
 * The uWebSockets.js apps behind one TLS port, one for each generation of certificates. The addon cannot
 * change those of an app that has connections. Neither is its listening socket ever changed, since closing
 * one resets the connections that wait in it: the first app goes on accepting, and hands what it accepts to
 * the newest one. Older connections stay where they are.
 */
export class TlsApps {
  /** The one that listens. */
  readonly first: UwsApp;
  readonly #uws: Uws;
  readonly #setup: AppSetup;
  readonly #later: UwsApp[] = [];

  /** Throws when a certificate cannot be used. */
  constructor(uws: Uws, tls: TlsSettings, setup: AppSetup) {
    this.#uws = uws;
    this.#setup = setup;
    this.first = this.#make(tls);
  }

  /** As `Edge.renew`. */
  renew(tls: TlsSettings): () => void {
    const next = this.#make(tls);
    return () => {
      this.first.addChildAppDescriptor(next.getDescriptor());
      const last = this.#later.at(-1);
      if (last !== undefined) this.first.removeChildAppDescriptor(last.getDescriptor());
      // Kept for good: the addon frees no app, and a connection must never outlive its own.
      this.#later.push(next);
    };
  }

  close(): void {
    for (const app of [this.first, ...this.#later]) app.close();
  }

  #make({ certificates }: TlsSettings): UwsApp {
    return withFiles(certificates, (files) => {
      const app = this.#appOf(files[0]!, 0);
      this.#setup.prepare(app);
      this.#setup.route(app);
      for (const [i, { hosts }] of certificates.entries()) {
        // Where a name is added, a certificate that cannot be used is passed over in silence: it is tried before.
        if (i > 0) this.#appOf(files[i]!, i);
        for (const host of hosts) {
          app.addServerName(host, files[i]!);
          // A name has routes of its own.
          this.#setup.route(app.domain(host));
        }
      }
      return app;
    });
  }

  #appOf(options: TlsAppOptions, index: number): UwsApp {
    try {
      return this.#uws.SSLApp(options);
    } catch (error) {
      throw new Error(`uWebSockets.js cannot serve with listen.https.certificates.${index}`, {
        cause: error,
      });
    }
  }
}

/** Memory first: there keys never reach a disk, and it can be written where the rest of a container cannot. */
const FOLDERS = ['/dev/shm', tmpdir()];

/** The addon reads keys from files only: these are there for as long as `use` runs, for nobody else's eyes. */
function withFiles<T>(
  certificates: TlsSettings['certificates'],
  use: (files: readonly TlsAppOptions[]) => T,
): T {
  const folder = privateFolder();
  try {
    const write = (name: string, text: string): string => {
      const file = join(folder, name);
      writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
      return file;
    };
    return use(
      certificates.map(({ cert, key }, i) => ({
        cert_file_name: write(`${i}.crt`, cert),
        key_file_name: write(`${i}.key`, key),
        ssl_ciphers: CIPHERS,
      })),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function privateFolder(): string {
  const reasons: string[] = [];
  for (const parent of FOLDERS) {
    try {
      return mkdtempSync(join(parent, 'sluice-tls-'));
    } catch (error) {
      reasons.push(String(error));
    }
  }
  throw new Error(`no place for the key files that uWebSockets.js reads: ${reasons.join('; ')}`);
}
