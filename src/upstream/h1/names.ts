import { isWord, word } from './bytes.ts';

/** End-to-end: the line stays in the block. */
export const KEEP = 0;
/** Hop-by-hop, or written by the edge itself: the line goes. */
export const DROP = 1;
/** Dropped, and its value rules the framing or the life of the connection. */
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;

const TE = word('te');
const DATE = word('date');
const UPGRADE = word('upgrade');
const TRAILER = word('trailer');
const CONNECTION_NAME = word('connection');
const KEEP_ALIVE_NAME = word('keep-alive');
const LENGTH_NAME = word('content-length');
const PROXY_CONNECTION = word('proxy-connection');
const ENCODING_NAME = word('transfer-encoding');
const PROXY_AUTHENTICATE = word('proxy-authenticate');

/** What becomes of the reply field named `bytes[at..end)`. By length first: most names are done after one jump. */
export function classify(bytes: Uint8Array, at: number, end: number): number {
  switch (end - at) {
    case 2:
      return isWord(bytes, at, end, TE) ? DROP : KEEP;
    case 4:
      return isWord(bytes, at, end, DATE) ? DROP : KEEP;
    case 7:
      return isWord(bytes, at, end, UPGRADE) || isWord(bytes, at, end, TRAILER) ? DROP : KEEP;
    case 10:
      if (isWord(bytes, at, end, CONNECTION_NAME)) return CONNECTION;
      return isWord(bytes, at, end, KEEP_ALIVE_NAME) ? KEEP_ALIVE : KEEP;
    case 14:
      return isWord(bytes, at, end, LENGTH_NAME) ? CONTENT_LENGTH : KEEP;
    case 16:
      return isWord(bytes, at, end, PROXY_CONNECTION) ? DROP : KEEP;
    case 17:
      return isWord(bytes, at, end, ENCODING_NAME) ? TRANSFER_ENCODING : KEEP;
    case 18:
      return isWord(bytes, at, end, PROXY_AUTHENTICATE) ? DROP : KEEP;
    default:
      return KEEP;
  }
}
