import { fault } from '../contracts/fault.ts';
import type { ReplyHead } from '../contracts/http.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { bodyFault } from '../pipeline/run.ts';
import type { UwsContext, UwsResponse } from './uws-types.ts';

/**
 * What fits into the addon's cork buffer of 16 KB beside the framing of a chunk. A longer write makes the addon send
 * what the cork holds first, and when the kernel does not take all of that, the addon forgets the write
 * (uNetworking/uWebSockets 6b7f354, 2026-04): the reply has a hole. Only `tryEnd` may write more, because it tells how
 * far it came.
 */
export const CORK_ROOM = 15_000;

/** What is left of it beside a head. */
export function roomBeside(head: ReplyHead): number {
  const { from, to } = head.apart();
  return CORK_ROOM - (to - from) - head.lines.length;
}

/** A head that does not fit would reach the client without its end: it is answered 502 instead. */
export function refuseHead(x: Exchange): true {
  x.started = false;
  bodyFault(x, fault('bad_reply', 'The head of the reply is too long'));
  return true;
}

/** Writes a piece of reply; runs corked. False = backed up. */
export interface Corked {
  /** Nothing may be written any more. */
  readonly closed: boolean;
  send(chunk: Uint8Array, last: boolean): boolean;
}

/** Work for `flush`: one object and one function for all requests, because `cork` wants a callback. */
const job: { io: Corked | null; chunk: Uint8Array; last: boolean; flowing: boolean } = {
  io: null,
  chunk: new Uint8Array(0),
  last: false,
  flowing: true,
};

function flush(): void {
  job.flowing = job.io!.send(job.chunk, job.last);
}

/** Lets `io` write one piece under one cork: the addon's own, where that is on, or a new one. */
export function corked(
  res: UwsResponse,
  io: Corked,
  chunk: Uint8Array,
  last: boolean,
  context: UwsContext,
): boolean {
  const already = context.corked === io;
  context.corked = null;
  if (already) return io.send(chunk, last);
  job.io = io;
  job.chunk = chunk;
  job.last = last;
  res.cork(flush);
  return job.flowing;
}

/** As `corked`, in pieces that fit a cork each; `first` = bytes that fit beside the head, if that goes with them. */
export function corkedPieces(
  res: UwsResponse,
  io: Corked,
  chunk: Uint8Array,
  last: boolean,
  context: UwsContext,
  first: number,
): boolean {
  let flowing = true;
  let end = Math.max(1, first);
  for (let at = 0; at < chunk.length && !io.closed; at = end, end = at + CORK_ROOM)
    flowing = corked(res, io, chunk.subarray(at, end), last && end >= chunk.length, context);
  return flowing;
}
