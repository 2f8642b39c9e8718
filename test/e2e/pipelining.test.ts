import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Agent, request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';

/** An origin that answers the name it is asked for; `cut` says when it ends a connection instead. */
async function naming(
  cut: (asked: number) => boolean = () => false,
): Promise<{ url: string; server: Server }> {
  let asked = 0;
  const sockets = new Set<Socket>();
  const server = createServer((message, reply) => {
    if (cut(++asked)) return void message.socket.destroy();
    const name = message.url!;
    // Some at once and some later, some with a length and some in chunks.
    const send = () => {
      if (name.length % 2 === 0) reply.setHeader('content-length', name.length);
      reply.write(name.slice(0, 2));
      reply.end(name.slice(2));
    };
    if (name.length % 3 === 0) setImmediate(send);
    else send();
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

const start = (url: string, edge: 'uws' | 'node'): Promise<Gateway> =>
  startGateway({
    config: {
      version: 1,
      workers: 1,
      upstreams: [{ id: 'origin', targets: [{ url }], connections: { max: 4, pipelining: 8 } }],
      routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
    },
    env: { SLUICE_EDGE: edge },
  });

function ask(gateway: Gateway, agent: Agent, path: string, method: string): Promise<string> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve(`failed: ${error.message}`);
    request(`${gateway.url}${path}`, { agent, method }, (reply) => {
      let body = '';
      reply
        .setEncoding('latin1')
        .on('data', (text: string) => (body += text))
        .on('end', () => resolve(reply.statusCode === 200 ? body : `${reply.statusCode}`))
        .on('error', fail);
    })
      .on('error', fail)
      .end();
  });
}

/** Every answer that is not the one to its question, of `count` questions over 64 connections. */
async function wrong(gateway: Gateway, count: number, method: (i: number) => string): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  atEnd(() => agent.destroy());
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const path = `/${'x'.repeat(i % 7)}${i}`;
      const answer = await ask(gateway, agent, path, method(i));
      return answer === path || (method(i) === 'HEAD' && answer === '') ? '' : `${path}: ${answer}`;
    }),
  );
  return answers.filter((each) => each !== '');
}

describe.each(['uws', 'node'] as const)('pipelining behind the %s edge', (edge) => {
  test('everybody gets the answer to the own question', { timeout: 30_000 }, async () => {
    const origin = await naming();
    const gateway = await start(origin.url, edge);
    const methods = ['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'DELETE'];
    expect(await wrong(gateway, 4000, (i) => methods[i % methods.length]!)).toEqual([]);
  });

  test('an origin that ends connections costs no GET', { timeout: 30_000 }, async () => {
    const origin = await naming((asked) => asked % 97 === 0);
    const gateway = await start(origin.url, edge);
    // A connection that dies under a request which nothing was heard of is stale: repeated once.
    expect(await wrong(gateway, 2000, () => 'GET')).toEqual([]);
  });
});
