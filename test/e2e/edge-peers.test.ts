import { expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { connect, type RawClient } from '../support/raw.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

test.each(['uws', 'node'])(
  'every request is told of its own peer, whoever else is connected (%s)',
  async (edge) => {
    const origin = await startOrigin((req, res) => res.end(req.headers['x-forwarded-for']));
    const gateway = await startGateway({
      config: {
        version: 1,
        upstreams: [{ id: 'o', targets: [{ url: `http://127.0.0.1:${origin.port}` }] }],
        routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'o' }],
      },
      env: { SLUICE_EDGE: edge },
    });
    const from = (address: string) => connect(gateway.port, { from: address });
    const peerOf = async (client: RawClient) => {
      await client.send(REQUEST);
      return (await client.reply('GET')).body.toString();
    };

    const first = await from('127.0.0.1');
    expect(await peerOf(first)).toBe('127.0.0.1');
    const second = await from('127.0.0.2');
    expect(await peerOf(second)).toBe('127.0.0.2');
    expect(await peerOf(first)).toBe('127.0.0.1');
    first.destroy();
    const third = await from('127.0.0.3');
    expect(await peerOf(third)).toBe('127.0.0.3');
    expect(await peerOf(second)).toBe('127.0.0.2');
    second.destroy();
    third.destroy();

    // Many that come and go at once, so that openings and closings mix.
    const rounds = Array.from({ length: 60 }, async (_, i) => {
      const address = `127.0.0.${10 + (i % 7)}`;
      const client = await from(address);
      expect(await peerOf(client)).toBe(address);
      if (i % 3 === 0) client.reset();
      else client.destroy();
    });
    await Promise.all(rounds);
    const last = await from('127.0.0.9');
    expect(await peerOf(last)).toBe('127.0.0.9');
  },
);
