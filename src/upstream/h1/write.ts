import type { Writable } from 'node:stream';
import type { Headers, RequestHead } from '../../contracts/http.ts';
import { flat } from '../../lib/flat.ts';

/**
 * The only place that frames an HTTP/1.1 request (RFC 9112 sections 3, 6 and 7). The head is one string:
 * V8 joins it lazily, and the socket flattens and encodes it in one go.
 */

/**
 * The request head, with its framing and the blank line. Empty when it cannot be sent: a value would break out of
 * its line, or did not survive as text (U+FFFD stands for bytes that are none).
 */
export function requestHead(head: RequestHead): string {
  const { method, target, host, headers, added, length } = head;
  // Fields are checked where they come from: by the edge's parser and by the setters that policies use. Target and
  // host may be put together from parts, and this is the last gate.
  if (breaks(target) || breaks(host)) return '';
  let framing = '\r\n';
  if (length > 0 || head.explicitZero) framing = `content-length: ${length}\r\n\r\n`;
  if (length < 0) framing = 'transfer-encoding: chunked\r\n\r\n';
  const start = method + ' ' + target + ' HTTP/1.1\r\nhost: ' + host;
  const text = lines(start, headers) + '\r\n' + added + framing;
  // One look at the whole, which has to be one flat text anyway before it is written.
  return text.includes('\ufffd') ? '' : text;
}

/** Added up, not put into a template: a template asks of every part whether it is a string. */
function lines(start: string, list: Headers): string {
  let text = start;
  for (let i = 0; i < list.length; i += 2) text += lineStart(i, list[i]!) + list[i + 1]!;
  return text;
}

const MOST = 128;
/** The names that the last request had at each place, and how their lines begin: most have the same. */
const names: string[] = [];
const starts: string[] = [];

/** End of the line before, name and colon. `at`: place of the name in the list. */
function lineStart(at: number, name: string): string {
  if (at < names.length && names[at] === name) return starts[at]!;
  if (at > names.length || at >= MOST) return '\r\n' + name + ': ';
  const start = flat(`\r\n${name}: `);
  names[at] = names[at + 1] = name;
  starts[at] = starts[at + 1] = start;
  return start;
}

const breaks = (text: string): boolean => text.includes('\n') || text.includes('\r');

const LAST_CHUNK = '0\r\n\r\n';

const SCRATCH = 32_768;
/** Where pieces are put together that the kernel takes at once, as nearly all are: a buffer for each would be garbage. */
let scratch = Buffer.allocUnsafeSlow(SCRATCH);

/**
 * One write's worth of request: the head if it is still `held` (else ''), a piece of body, and what the
 * framing needs around it. The bytes of `chunk` are copied or written when it returns.
 * @returns False = the socket is backed up.
 */
export function writePiece(
  socket: Writable,
  held: string,
  chunk: Uint8Array,
  chunked: boolean,
  last: boolean,
): boolean {
  const idle = socket.writableLength === 0;
  const flowing = socket.write(requestPiece(held, chunk, chunked, last, idle));
  // What the kernel did not take belongs to the socket from now on.
  if (idle && socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH);
  return flowing;
}

/** `fleeting`: it may lie in memory that the next call overwrites. */
function requestPiece(
  held: string,
  chunk: Uint8Array,
  chunked: boolean,
  last: boolean,
  fleeting: boolean,
): Buffer {
  let before = held;
  let after = '';
  if (chunked) {
    if (chunk.length > 0) {
      before += chunk.length.toString(16) + '\r\n';
      after = '\r\n';
    }
    if (last) after += LAST_CHUNK;
  }
  const headBytes = before === '' ? 0 : Buffer.byteLength(before);
  const length = headBytes + chunk.length + after.length;
  const piece = fleeting && length <= SCRATCH ? scratch.subarray(0, length) : Buffer.allocUnsafe(length);
  if (headBytes > 0) piece.write(before, 0, 'utf8');
  piece.set(chunk, headBytes);
  if (after !== '') piece.write(after, headBytes + chunk.length, 'latin1');
  return piece;
}
