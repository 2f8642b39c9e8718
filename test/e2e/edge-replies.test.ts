import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { describeEdges, head, PATIENCE, shown } from './edge-support.ts';
import { startRawOrigin } from './proxying.ts';

/** What the origin answers, by path. */
const answers = new Map<string, string>();
/** What it sends in two segments. */
const halves = new Map<string, { first: string; second: string }>();
const scripted = () =>
  startRawOrigin((request, socket: Socket) => {
    const { first, second } = halves.get(request.split(' ')[1]!) ?? {};
    if (first !== undefined) {
      socket.write(first, 'latin1');
      return void setTimeout(() => socket.write(second!, 'latin1'), 50);
    }
    const text = answers.get(request.split(' ')[1]!) ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    socket.write(Buffer.from(text, 'latin1'));
  });

const routes = [
  { id: 'own', match: { paths: ['/own'] }, respond: { body: 'own' } },
  { id: 'none', match: { paths: ['/none'] }, respond: { status: 204 } },
];

describeEdges('replies', { origin: scripted, routes }, (edge) => {
  describe('rule 4: nothing of an upstream splits a reply', () => {
    const CONTROLS = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).concat('\x7f');
    const hostile = CONTROLS.filter((each) => each !== '\t').flatMap((each) => [
      [`${shown(each)} in a value`, `X-A: a${each}Injected: yes`],
      [`${shown(each)} in a name`, `X${each}Injected: yes`],
    ]);
    test.each([
      ...hostile,
      ['a folded line', 'X-A: a\r\n Injected: yes'],
      ['a line without a colon', 'Injected'],
      ['a space before the colon', 'Injected : yes'],
    ])('%s', async (name, field) => {
      const path = `/hostile/${encodeURIComponent(name).replaceAll('%', '-')}`;
      answers.set(path, `HTTP/1.1 200 OK\r\n${field}\r\nContent-Length: 2\r\n\r\nok`);
      const reply = await edge.ask(head(`GET ${path}`));
      expect(reply.status).toBe(502);
      expect(reply.get('injected')).toBeUndefined();
    });

    test('a reason phrase is replaced by the standard one', async () => {
      answers.set('/reason', 'HTTP/1.1 200 Whatever \xe9\r\nContent-Length: 2\r\n\r\nok');
      expect(await edge.ask(head('GET /reason'))).toMatchObject({ status: 200, reason: 'OK' });
    });

    test('what rules framing and connection is the gateway’s own', async () => {
      answers.set(
        '/framing',
        'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nKeep-Alive: timeout=999\r\n' +
          'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nUpgrade: h2c\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n' +
          '\r\n2\r\nok\r\n0\r\n\r\n',
      );
      const reply = await edge.ask(head('GET /framing'));
      expect(reply.body.toString()).toBe('ok');
      expect(reply.get('date')).toMatch(new RegExp(`^[^,]+, [^,]+ ${new Date().getUTCFullYear()} [^,]+$`));
      for (const name of ['x-hop', 'upgrade', 'trailer']) expect(reply.get(name)).toBeUndefined();
      expect(reply.get('keep-alive') ?? '').not.toContain('999');
    });

    test.each([600, 999])(
      'a status of %i, which no client knows how to take, answers 502',
      async (status) => {
        answers.set(`/status/${status}`, `HTTP/1.1 ${status} Odd\r\nContent-Length: 2\r\n\r\nok`);
        const reply = await edge.ask(head(`GET /status/${status}`));
        expect(reply.status).toBe(502);
        expect(reply.body.toString()).toContain('urn:sluice:problem:bad_reply');
      },
    );

    test('bytes beyond ASCII stay as they are in a head that node:http sends at once', async () => {
      answers.set('/expect', 'HTTP/1.1 200 OK\r\nX-High: a\xe9b\r\nExpect: x\r\nContent-Length: 2\r\n\r\nok');
      expect((await edge.ask(head('GET /expect'))).get('x-high')).toBe('a\xe9b');
    });

    test('bytes beyond ASCII stay as they are when the head goes out before any byte of the body', async () => {
      const high = String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 128 + i));
      const first = `HTTP/1.1 200 OK\r\nX-High: a${high}b\r\nTransfer-Encoding: chunked\r\n\r\n`;
      halves.set('/high', { first, second: '2\r\nok\r\n0\r\n\r\n' });
      const reply = await edge.ask(head('GET /high'));
      expect(reply.get('x-high')).toBe(`a${high}b`);
      expect(reply.body.toString()).toBe('ok');
    });

    test('duplicates stay apart and bytes beyond ASCII stay as they are', async () => {
      answers.set(
        '/kept',
        'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Name: \xe9 caf\xc3\xa9\r\nSet-Cookie: b=2\r\nX-Empty:\r\n' +
          'Content-Length: 2\r\n\r\nok',
      );
      const reply = await edge.ask(head('GET /kept'));
      const kept = reply.fields.filter(([name]) => /^(set-cookie|x-)/i.test(name));
      expect(kept.map(([name, value]) => [name.toLowerCase(), value])).toEqual([
        ['set-cookie', 'a=1'],
        ['x-name', '\xe9 caf\xc3\xa9'],
        ['set-cookie', 'b=2'],
        ['x-empty', ''],
      ]);
    });
  });

  describe('rule 5: a reply without a body has none, and the next one follows', () => {
    answers.set('/h/length', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n');
    answers.set('/h/chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    answers.set('/h/nothing', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n');
    answers.set('/204', 'HTTP/1.1 204 No Content\r\n\r\n');
    answers.set('/304', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n');
    answers.set('/304/length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n');
    answers.set('/h/404', 'HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n');

    test.each([
      ['HEAD', '/h/length', 200, '1234'],
      ['HEAD', '/h/chunked', 200, undefined],
      ['HEAD', '/h/nothing', 200, undefined],
      ['HEAD', '/h/404', 404, '7'],
      ['HEAD', '/own', 200, '3'],
      ['HEAD', '/none', 204, undefined],
      ['GET', '/none', 204, undefined],
      ['GET', '/204', 204, undefined],
      ['GET', '/304', 304, undefined],
      ['GET', '/304/length', 304, '1234'],
      ['HEAD', '/204', 204, undefined],
    ])('%s %s', async (method, path, status, length) => {
      using client = await edge.connect();
      for (let round = 0; round < 2; round++) {
        await client.send(head(`${method} ${path}`));
        const reply = await client.reply(method, PATIENCE);
        expect(reply).toMatchObject({ status, framing: 'none' });
        expect(reply.get('content-length')).toBe(length);
      }
      await client.send(head('GET /own'));
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe('own');
      expect(client.received).toHaveLength(0);
    });
  });

  test('a connection serves many requests, through the gateway and of its own', async () => {
    using client = await edge.connect();
    for (let i = 0; i < 50; i++) {
      await client.send(head(i % 2 === 0 ? 'GET /x' : 'GET /own'));
      expect((await client.reply('GET', PATIENCE)).body.toString()).toBe(i % 2 === 0 ? 'ok' : 'own');
    }
  });

  test.each(['close', 'Close', 'x-a, close'])('Connection: %s ends it after the reply', async (value) => {
    using client = await edge.connect();
    await client.send(head('GET /x', `Connection: ${value}`));
    const reply = await client.reply('GET', PATIENCE);
    expect(reply.status).toBe(200);
    // RFC 9112 section 9.6: the last answer of a connection says that it is the last.
    expect(reply.get('connection')).toBe('close');
    expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
  });
});

const slow = () =>
  startRawOrigin((request, socket: Socket) => {
    const text = request.startsWith('HEAD')
      ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
      : 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n';
    setTimeout(() => socket.write(text), 5000);
  });
const limits = { headerTimeout: '2s', idleTimeout: '2s' };

describeEdges('an idle connection', { origin: slow, limits }, (edge) => {
  test('is closed after a reply without body too that came later than that', async () => {
    const ask = async (method: string) => {
      using client = await edge.connect();
      await client.send(head(`${method} /x`));
      await client.reply(method, PATIENCE);
      expect(await client.untilClosed(PATIENCE)).toHaveLength(0);
    };
    await Promise.all([ask('HEAD'), ask('GET')]);
  });

  test('is not closed before its time, whenever it came', async () => {
    // Spread over what a coarse timer takes for one.
    const lives = Array.from({ length: 20 }, async (_, i) => {
      await pause(i * 230);
      const opened = performance.now();
      using client = await edge.connect();
      await client.untilClosed(PATIENCE);
      return performance.now() - opened;
    });
    expect(Math.min(...(await Promise.all(lives)))).toBeGreaterThan(2_000 - 50);
  });
});
