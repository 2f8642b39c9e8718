import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { atEnd } from './cleanup.ts';

/** One request as the origin saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  /** Name and value pairs in the order and case of the wire. */
  readonly fields: readonly (readonly [string, string])[];
  /** Values of a field, in order; names are compared without case. */
  get(name: string): string[];
  /** The whole body; rejects when the client goes away in the middle. */
  readonly body: Promise<Buffer>;
}

export interface Origin {
  readonly port: number;
  readonly url: string;
  /** Every request so far, oldest first. */
  readonly requests: readonly SeenRequest[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const ok: RequestListener = (_request, response) => response.end('ok');

/** A node:http origin on a free port that records what it was asked. The default answer is 200 "ok". */
export async function startOrigin(
  handler: (request: IncomingMessage, response: ServerResponse) => void = ok,
): Promise<Origin> {
  const requests: SeenRequest[] = [];
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(see(request));
    handler(request, response);
  });
  return listen(server, requests);
}

/** A bare TCP origin, for replies that node:http would never send. */
export function startTcpOrigin(handler: (socket: Socket) => void): Promise<Origin> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    handler(socket);
  });
  return listen(server, []);
}

async function listen(server: Server, requests: SeenRequest[]): Promise<Origin> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  atEnd(stop);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function see(request: IncomingMessage): SeenRequest {
  const raw = request.rawHeaders;
  const fields = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []));
  const body = new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
  // Most tests never look at the body of a request that broke off.
  body.catch(() => undefined);
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    fields,
    get: (name) =>
      fields.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value),
    body,
  };
}
