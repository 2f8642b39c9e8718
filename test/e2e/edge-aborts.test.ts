import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { RawClient } from '../support/raw.ts';
import { describeEdges, head, PATIENCE, type EdgeUnderTest } from './edge-support.ts';
import { expectMetric } from './proxying.ts';

const chunk = Buffer.alloc(64 * 1024);

const answer: RequestListener = (request, response) => {
  if (request.url === '/ok') response.end('ok');
  else if (request.url === '/never') request.resume();
  else if (request.url === '/stream') {
    const more = (): void => {
      while (response.write(chunk));
    };
    response.on('drain', more);
    more();
  }
};

interface Stage {
  /** What is sent before the client leaves. */
  readonly bytes: string;
  /** Request that the origin must have seen by then. */
  readonly until?: string;
  /** Whether bytes of the reply must have come. */
  readonly reading?: boolean;
}

const STAGES: Record<string, Stage> = {
  'before the head': { bytes: '' },
  'in the request line': { bytes: 'GET /ne' },
  'in the head': { bytes: 'GET /never HTTP/1.1\r\nHost: te' },
  'after the head': { bytes: head('GET /never'), until: '/never' },
  'after a HEAD': { bytes: head('HEAD /never'), until: '/never' },
  'before the body': { bytes: head('POST /never', 'Content-Length: 10'), until: '/never' },
  'in the body': { bytes: head('POST /never', 'Content-Length: 10') + 'hello', until: '/never' },
  'in a chunk': { bytes: head('POST /never', 'Transfer-Encoding: chunked') + '5\r\nhel', until: '/never' },
  'between chunks': {
    bytes: head('POST /never', 'Transfer-Encoding: chunked') + '5\r\nhello\r\n',
    until: '/never',
  },
  'after the body': { bytes: head('POST /never', 'Content-Length: 5') + 'hello', until: '/never' },
  'after the last chunk': {
    bytes: head('POST /never', 'Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n',
    until: '/never',
  },
  'while the reply streams': { bytes: head('GET /stream'), reading: true },
  'right after the whole request': { bytes: head('GET /ok') },
  'with a refusal on its way': { bytes: 'GET / HTTP/1.1\r\n\r\n' },
};

const LEAVING: Record<string, (client: RawClient) => void> = {
  'with a RST': (client) => client.reset(),
  'with a FIN': (client) => client.destroy(),
};

async function leave(edge: EdgeUnderTest, stage: Stage, go: (client: RawClient) => void): Promise<void> {
  const client = await edge.connect();
  const before = edge.origin.requests.length;
  if (stage.bytes !== '') await client.send(stage.bytes);
  if (stage.until !== undefined) {
    await expect
      .poll(() => edge.origin.requests.slice(before).some(({ url }) => url === stage.until))
      .toBe(true);
  }
  if (stage.reading) {
    await client.until(() => (client.received.length > 0 ? true : null), PATIENCE);
    client.pause();
  }
  go(client);
}

describeEdges('rules 8 and 9: clients that leave harm nobody', { answer }, (edge) => {
  describe.each(Object.entries(STAGES))('%s', (_, stage) => {
    test.each(Object.entries(LEAVING))('%s', async (_name, go) => {
      await Promise.all(Array.from({ length: 5 }, () => leave(edge, stage, go)));
      expect((await edge.ask(head('GET /ok'))).body.toString()).toBe('ok');
      expect(edge.gateway.workers()).toEqual([edge.worker]);
    });
  });

  test('garbage behind a request gets no answer into the middle of another', async () => {
    // What uWebSockets.js does with it is not ours to choose.
    if (edge.kind === 'uws') return;
    using client = await edge.connect();
    await client.send(head('GET /stream'));
    await client.until(() => (client.received.length > 100_000 ? true : null), PATIENCE);
    await client.send('garbage\r\n\r\n');
    const received = await client.untilClosed(PATIENCE);
    expect(received.toString('latin1').split('HTTP/1.1 ')).toHaveLength(2);
  });

  test('nothing of them is left', async () => {
    await expectMetric(edge.gateway, 'sluice_active_requests', {}, 0);
    const internal = edge.gateway.lines.filter(
      ({ level, msg }) => level === 'error' || msg === 'internal error',
    );
    expect(internal).toEqual([]);
  });

  test('what they asked for is no longer asked of the upstream', async () => {
    const client = await edge.connect();
    const before = edge.origin.requests.length;
    await client.send(head('POST /never', 'Content-Length: 10') + 'hello');
    await expect.poll(() => edge.origin.requests.length).toBe(before + 1);
    client.reset();
    await expect(edge.origin.requests.at(-1)!.body).rejects.toThrow();
    await edge.gateway.waitForLine((line) => line['status'] === 499 && line['path'] === '/never', PATIENCE);
  });
});

describe.each(['SIGSEGV', 'SIGABRT'] as const)('rule 13: a worker that dies of %s', (signal) => {
  describeEdges('comes back', { answer }, (edge) => {
    test('and the node serves again', async () => {
      process.kill(edge.worker, signal);
      await expect.poll(() => edge.gateway.workers().filter((pid) => pid !== edge.worker)).toHaveLength(1);
      await expect
        .poll(() =>
          fetch(`${edge.gateway.url}/ok`).then(
            ({ status }) => status,
            () => 0,
          ),
        )
        .toBe(200);
      edge.worker = edge.gateway.workers()[0]!;
    });
  });
});
