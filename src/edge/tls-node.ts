import { createServer, type Server, type ServerOptions } from 'node:https';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { CIPHERS, type TlsSettings } from './tls.ts';

/** A node:https server whose certificates can be exchanged while it runs. */
export class TlsServer {
  readonly server: Server;
  #names: Names;

  /** @param http Options of the HTTP side. @param handshakeMs Time for a client's handshake. */
  constructor(tls: TlsSettings, http: ServerOptions, handshakeMs: number) {
    this.#names = new Names(tls);
    this.server = createServer({
      ...http,
      ...contextOptions(tls, 0),
      SNICallback: (name, done) => done(null, this.#names.find(name)),
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: handshakeMs,
      requestCert: tls.clientCert !== undefined,
      rejectUnauthorized: tls.clientCert === 'require',
    });
    // node:https would hand a failed handshake to those who answer bad HTTP.
    this.server.removeAllListeners('tlsClientError');
    this.server.on('tlsClientError', (_, socket) => socket.destroy());
    if (tls.clientCert === 'request') this.server.on('secureConnection', refuseInvalid);
  }

  /** As `Edge.renew`. */
  renew(tls: TlsSettings): () => void {
    const names = new Names(tls);
    return () => {
      this.#names = names;
      this.server.setSecureContext(contextOptions(tls, 0));
    };
  }
}

/** Certificates by name. */
class Names {
  readonly #exact = new Map<string, SecureContext>();
  /** By what follows the `*` of a wildcard, its dot included. */
  readonly #wildcards = new Map<string, SecureContext>();

  /** Throws when a certificate cannot be used. */
  constructor(tls: TlsSettings) {
    for (const [i, { hosts }] of tls.certificates.entries()) {
      const context = createSecureContext(contextOptions(tls, i));
      for (const host of hosts) {
        if (host.startsWith('*')) this.#wildcards.set(host.slice(1), context);
        else this.#exact.set(host, context);
      }
    }
  }

  /** Undefined = the first certificate serves that name. A wildcard stands for one label. */
  find(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase();
    const dot = name.indexOf('.');
    return this.#exact.get(name) ?? (dot > 0 ? this.#wildcards.get(name.slice(dot)) : undefined);
  }
}

function contextOptions(tls: TlsSettings, index: number): SecureContextOptions {
  const { cert, key } = tls.certificates[index]!;
  const { clientCa, minVersion } = tls;
  return { cert, key, ciphers: CIPHERS, minVersion, ...(clientCa !== undefined && { ca: clientCa }) };
}

/** Where a client certificate is only asked for, one that is given must be valid all the same. */
function refuseInvalid(socket: TLSSocket): void {
  const given = Object.keys(socket.getPeerCertificate()).length > 0;
  if (given && !socket.authorized) socket.destroy();
}
