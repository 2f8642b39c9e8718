import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ReceiveWindow } from './receive-window.ts';
import { listenLocally } from './selftest.ts';
import type { Uws } from './uws-types.ts';

/** A window holds more than any head has; the kernel gives that much in one read of a loopback connection. */
const LEAST_BYTES = 32_768;
const BODY = Buffer.alloc(65_536);
const PATIENCE_MS = 1_000;

let opened: Promise<ReceiveWindow | null> | undefined;

/** The window of this process; null where it cannot be had. Never rejects; the answer takes a few milliseconds, once. */
export const receiveWindow = (uws: Uws): Promise<ReceiveWindow | null> =>
  (opened ??= open(uws).catch(() => null));

/**
 * The addon lends its memory to `onData` handlers and takes it back by emptying the buffer that stands for it: one to
 * which the memory was transferred before keeps it. It lives as long as the event loop. A piece of body that came without
 * its head begins where reads begin, which the request behind it proves.
 */
async function open(uws: Uws): Promise<ReceiveWindow | null> {
  const app = uws.App();
  let memory = new ArrayBuffer(0);
  let window: ReceiveWindow | null = null;
  let client: Socket | null = null;
  app.post('/*', (res) => {
    res.onAborted(() => undefined);
    res.onData((piece, last) => {
      if (piece.byteLength > memory.byteLength) memory = structuredClone(piece, { transfer: [piece] });
      if (!last) return;
      res.end();
      client?.write('GET / HTTP/1.1\r\nHost: w\r\n\r\n');
    });
    client?.write(BODY);
  });
  app.get('/*', (res, req) => {
    const found = new ReceiveWindow(memory);
    if (memory.byteLength >= LEAST_BYTES && found.locate(req, 'GET') === 0) window = found;
    res.end();
    client?.end();
  });
  try {
    client = connect({ host: '127.0.0.1', port: await listenLocally(uws, app), noDelay: true });
    client.setTimeout(PATIENCE_MS, () => client!.destroy());
    client.write(`POST / HTTP/1.1\r\nHost: w\r\nContent-Length: ${BODY.length}\r\n\r\n`);
    client.resume();
    await once(client, 'close');
  } finally {
    client?.destroy();
    app.close();
  }
  return window;
}
