import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { connect, type RawClient } from '../support/raw.ts';
import { EdgeUnderTest, head, PATIENCE } from './edge-support.ts';
import { EDGES } from './proxying.ts';

const held = new Map<string, ServerResponse>();

/** Answers `/whole` and `/streamed` when the test says so. */
const answer: RequestListener = (request, response) => {
  held.set(request.url ?? '', response);
  if (request.url === '/streamed') response.write('begin ');
  if (request.url === '/upload') request.resume().on('end', () => response.end('uploaded'));
  if (request.url === '/ok') response.end('ok');
};

const isOpen = (client: RawClient): string => {
  client.destroy();
  return 'open';
};
const isRefused = (): string => 'refused';

describe.each(EDGES)('a drain of the %s edge', (kind) => {
  test('finishes what is in flight, ends every connection and takes no new one', async () => {
    held.clear();
    const edge = new EdgeUnderTest(kind);
    await edge.start({ answer, config: { drain: '30s' } });
    const [whole, streamed, upload, idle, fresh] = await Promise.all(
      Array.from({ length: 5 }, () => edge.connect()),
    );
    await whole!.send(head('GET /whole'));
    await streamed!.send(head('GET /streamed'));
    await upload!.send(head('POST /upload', 'Content-Length: 10') + 'hello');
    await idle!.send(head('GET /ok'));
    expect(await idle!.reply('GET', PATIENCE)).toMatchObject({ status: 200 });
    await streamed!.until(() => (streamed!.received.includes('begin') ? true : null), PATIENCE);
    await edge.arrived('/whole');
    await edge.arrived('/upload');

    process.kill(edge.gateway.pid, 'SIGTERM');
    await edge.gateway.waitForLine(({ msg }) => msg === 'draining');
    // Until the listener is closed, whoever comes is let in.
    await expect.poll(() => connect(edge.gateway.port).then(isOpen, isRefused)).toBe('refused');

    // Connections that stand may still ask.
    await fresh!.send(head('GET /ok'));
    const late = await fresh!.reply('GET', PATIENCE);
    expect(late).toMatchObject({ status: 200 });
    expect(late.get('connection')).toBe('close');
    await upload!.send('hello');
    expect((await upload!.reply('POST', PATIENCE)).body.toString()).toBe('uploaded');
    held.get('/whole')!.end('whole');
    const reply = await whole!.reply('GET', PATIENCE);
    expect(reply.body.toString()).toBe('whole');
    expect(reply.get('connection')).toBe('close');
    held.get('/streamed')!.end('end');
    expect((await streamed!.reply('GET', PATIENCE)).body.toString()).toBe('begin end');
    for (const client of [whole!, streamed!, upload!, idle!, fresh!])
      expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
    expect(await edge.gateway.exited).toBe(0);
  });
});
