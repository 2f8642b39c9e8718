import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { atEnd } from './cleanup.ts';

/** Forwards connections of a free port to another one of 127.0.0.1, until it is cut; closed when the test ends. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const server = createServer();
  const proxy = new TcpProxy(server, target);
  atEnd(() => proxy.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

/** A network that can be cut: connections stand, and no byte comes through, as behind a dead switch. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  constructor(server: Server, target: number) {
    this.#server = server;
    server.on('connection', (client) => {
      const remote = connect(target, '127.0.0.1');
      this.#join(client, remote);
      this.#join(remote, client);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was held up comes through. */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#isCut) from.pause();
  }
}
