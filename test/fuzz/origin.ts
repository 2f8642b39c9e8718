import { createServer, type AddressInfo, type Socket } from 'node:net';
import { atEnd } from '../support/cleanup.ts';
import { plainRequests, STRICT, valuesOf, type PlainRequest } from './plain-request.ts';
import { escaped } from './settings.ts';

/** An origin that reads strictly, and knows by the address of the client which case a request belongs to. */
export interface FuzzOrigin {
  readonly port: number;
  /** What came that cannot be explained by any case; each is a failure. */
  readonly complaints: string[];
  /** Begins a case whose client has that address; what it brings is added to the list until the case is closed. */
  open(address: string): SeenRequest[];
  close(address: string): void;
}

export interface SeenRequest extends PlainRequest {
  /** The body that it is answered with. */
  readonly answer: string;
}

export async function startFuzzOrigin(): Promise<FuzzOrigin> {
  const cases = new Map<string, SeenRequest[]>();
  const complaints: string[] = [];
  const server = createServer((socket) => serve(socket, cases, complaints));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  atEnd(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    complaints,
    open(address) {
      const seen: SeenRequest[] = [];
      cases.set(address, seen);
      return seen;
    },
    close: (address) => void cases.delete(address),
  };
}

function serve(socket: Socket, cases: Map<string, SeenRequest[]>, complaints: string[]): void {
  let text = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
    const { requests, rest } = plainRequests(text, STRICT);
    const from = text;
    for (const request of requests) {
      text = from.slice(request.end);
      const [address = '', ...more] = valuesOf(request.fields, 'x-forwarded-for');
      const seen = cases.get(address);
      if (more.length > 0 || !/^127\./.test(address))
        complaints.push(`a request of nobody: "${escaped(Buffer.from(from, 'latin1'))}"`);
      const answer = `${address} ${seen?.length ?? 0} ${request.method} ${request.target.slice(0, 200)}`;
      seen?.push({ ...request, answer });
      reply(socket, request, answer);
    }
    if (rest === 'bad') {
      complaints.push(`what the gateway sent is no request: "${escaped(Buffer.from(from, 'latin1'))}"`);
      socket.destroy();
    }
  });
}

/** Answers in one of several ways, each of which takes another path through an edge. */
function reply(socket: Socket, { method, target }: PlainRequest, answer: string): void {
  const body = method === 'HEAD' ? '' : answer;
  const half = body.length >> 1;
  const chunk = (text: string) => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
  const head = `HTTP/1.1 200 OK\r\nX-Answer: ${Buffer.from(answer, 'latin1').toString('hex')}\r\n`;
  const sized = `${head}Content-Length: ${answer.length}\r\n\r\n`;
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
  const end = method === 'HEAD' ? '' : '0\r\n\r\n';
  switch (target.length % 4) {
    case 0:
      return void socket.write(sized + body, 'latin1');
    case 1:
      return void socket.write(chunked + chunk(body) + end, 'latin1');
    case 2:
      return inTwo(socket, sized + body.slice(0, half), body.slice(half));
    default:
      return inTwo(socket, chunked + chunk(body.slice(0, half)), chunk(body.slice(half)) + end);
  }
}

function inTwo(socket: Socket, first: string, second: string): void {
  socket.write(first, 'latin1');
  setTimeout(() => socket.writable && socket.write(second, 'latin1'), 2);
}
