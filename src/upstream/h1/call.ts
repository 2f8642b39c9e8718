import type { RequestHead } from '../../contracts/http.ts';
import type { Sink, Timeouts } from '../../contracts/transport.ts';

/** One request on its way through the pool: what `Transport.open` was given. */
export class Call {
  readonly head: RequestHead;
  /** The head as it is written. */
  readonly text: string;
  readonly timeouts: Timeouts;
  /** When the reply head must be there; 0 = no bound. */
  readonly replyBy: number;
  /** Null = nobody waits for the reply any more. */
  sink: Sink | null;

  constructor(head: RequestHead, text: string, timeouts: Timeouts, replyBy: number, sink: Sink) {
    this.head = head;
    this.text = text;
    this.timeouts = timeouts;
    this.replyBy = replyBy;
    this.sink = sink;
  }
}

/**
 * Whether it may share a connection with others that wait for their replies: the connection may end before its turn,
 * and then it is sent again unasked (RFC 9112 section 9.3.2).
 */
export const mayShare = ({ method, length }: RequestHead): boolean =>
  length === 0 && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
