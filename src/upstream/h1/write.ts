import type { Writable } from 'node:stream';
import type { RequestHead } from '../../contracts/http.ts';

/**
 * The only place that frames an HTTP/1.1 request (RFC 9112 sections 3, 6 and 7). The head is one string:
 * V8 joins it lazily, and the socket flattens and encodes it in one go.
 */

/**
 * The request head, with its framing and the blank line. Empty when it cannot be sent: a value would break out of
 * its line, or did not survive as text (U+FFFD stands for bytes that are none).
 */
export function requestHead(head: RequestHead): string {
  const { method, target, host, lines, added, length } = head;
  // Fields are checked where they come from: by the edge's parser and by the setters that policies use. Target and
  // host may be put together from parts, and this is the last gate.
  if (LINE_END.test(target) || LINE_END.test(host)) return '';
  let framing = '\r\n';
  if (length > 0 || head.explicitZero) framing = `content-length: ${length}\r\n\r\n`;
  if (length < 0) framing = 'transfer-encoding: chunked\r\n\r\n';
  const start = method + ' ' + target + ' HTTP/1.1\r\nhost: ' + host;
  const text = start + lines + '\r\n' + added + framing;
  // One look at the whole, which has to be one flat text anyway before it is written.
  return text.includes('\ufffd') ? '' : text;
}

const LINE_END = /[\r\n]/;

const LAST_CHUNK = '0\r\n\r\n';

/** Bytes that UTF-8 takes for one unit of a text at most. */
const BYTES_A_UNIT = 3;
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
  // To count the bytes of a text is one more walk over it: where room is no question, that is spared.
  const fits = fleeting && BYTES_A_UNIT * before.length + chunk.length + after.length <= SCRATCH;
  const piece = fits ? scratch : Buffer.allocUnsafe(Buffer.byteLength(before) + chunk.length + after.length);
  let end = before === '' ? 0 : piece.write(before, 0, 'utf8');
  piece.set(chunk, end);
  end += chunk.length;
  if (after !== '') end += piece.write(after, end, 'latin1');
  return fits ? piece.subarray(0, end) : piece;
}
