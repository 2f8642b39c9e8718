import net, { isIP } from 'node:net';
import type { LookupFunction, Socket, TcpSocketConnectOpts } from 'node:net';
import tls from 'node:tls';
import type { FaultCode } from '../../contracts/fault.ts';

/** How to speak TLS to a target; texts are PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of the built-in ones. */
  readonly ca?: string | undefined;
  /** Client certificate and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name to send (SNI) and to check; default: the host. */
  readonly serverName?: string | undefined;
  /** False accepts any certificate; default true. */
  readonly verify?: boolean | undefined;
}

/** Every socket of the process reads into this one buffer: whoever is called back takes the bytes before he returns. */
export const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** Opens sockets to one address. `onRead` is told how many bytes lie in `READ_BUFFER`. */
export interface Dialer {
  /** The event after which the socket carries requests. */
  readonly ready: 'connect' | 'secureConnect';
  dial(onRead: (length: number) => boolean): Socket;
}

/** Where a dialer connects to. */
export interface Place {
  /** Name or address; an IPv6 address may stand in brackets. */
  readonly host: string;
  readonly port: number;
  /** Address to try when `host`, which is one too, cannot be reached: the same machine under the other family. */
  readonly alternate?: string | undefined;
}

/** A dialer; reads the PEM texts at once, so that a bad one throws here and not on the first request. */
export function makeDialer({ host, port, alternate }: Place, options: TlsOptions | null): Dialer {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  // Node asks `lookup` for names only; the root's name can never be one that somebody means.
  const place =
    alternate === undefined ? { host: address, port } : { host: '.', port, ...either(address, alternate) };
  return options === null ? plainDialer(place) : tlsDialer(place, address, options);
}

type Where = Pick<TcpSocketConnectOpts, 'host' | 'port' | 'lookup' | 'autoSelectFamily'>;

function either(...addresses: string[]): Pick<Where, 'lookup' | 'autoSelectFamily'> {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_name, _options, done) => done(null, found);
  return { lookup, autoSelectFamily: true };
}

function plainDialer(place: Where): Dialer {
  return {
    ready: 'connect',
    dial: (callback) => net.connect({ ...place, noDelay: true, onread: { buffer: READ_BUFFER, callback } }),
  };
}

function tlsDialer(place: Where, host: string, options: TlsOptions): Dialer {
  const name = options.serverName ?? host;
  const { ca, cert, key } = options;
  const secureContext = tls.createSecureContext({
    ...(ca === undefined ? null : { ca }),
    ...(cert === undefined ? null : { cert }),
    ...(key === undefined ? null : { key }),
  });
  let session: Buffer | undefined;
  return {
    ready: 'secureConnect',
    dial(callback) {
      const socket = tls.connect({
        ...place,
        secureContext,
        // An address is checked as one, but never sent as a name (RFC 6066 section 3).
        ...(isIP(name) === 0 ? { servername: name } : null),
        checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
        rejectUnauthorized: options.verify ?? true,
        ALPNProtocols: ['http/1.1'],
        ...(session === undefined ? null : { session }),
        // The typings lack `onread` here; node hands it on to the socket below.
        ...{ onread: { buffer: READ_BUFFER, callback } },
      });
      socket.setNoDelay(true);
      socket.on('session', (fresh: Buffer) => (session = fresh));
      return socket;
    },
  };
}

const CONNECT_CODES: Record<string, FaultCode> = {
  ETIMEDOUT: 'connect_timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENOTFOUND: 'dns',
  // Out of descriptors or ports: ours, not theirs.
  EMFILE: 'overload',
  ENFILE: 'overload',
  EADDRNOTAVAIL: 'overload',
};

/** What kind of failure an error is that came before the connection stood. */
export function dialFault(error: Error | null): FaultCode {
  const { code = '', syscall = '' } = (error ?? {}) as NodeJS.ErrnoException;
  const known = CONNECT_CODES[code];
  if (known !== undefined) return known;
  if (code.startsWith('EAI_') || syscall === 'getaddrinfo') return 'dns';
  // OpenSSL's and node's own codes are no system calls; EPROTO is what a failed handshake reads as.
  const system = syscall === 'connect' || error instanceof AggregateError;
  return error === null || system ? 'connect_refused' : 'tls';
}
