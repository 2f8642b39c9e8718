import { FAULTS, fault, type Fault, type FaultCode } from '../contracts/fault.ts';
import type { Headers, Reply, ReplyHead } from '../contracts/http.ts';
import { EMPTY } from '../contracts/transport.ts';
import { problemReply } from '../lib/problem.ts';
import { BlockHead, encodeBlock } from '../lib/reply-head.ts';
import type { Exchange } from './exchange.ts';

/**
 * The way back: every answer, the upstream's or our own, passes the response hooks of the policies that
 * saw the request, goes to the edge, and ends in `finish` exactly once.
 */

/** Where hooks report what they threw; set by the process at start. */
export const report = { error: (_error: unknown, _x: Exchange): void => undefined };

/** Exchanges of this process that have begun and not finished. */
export const flight = { active: 0 };

/** Gives an answer of the gateway's own. */
export function answer(x: Exchange, reply: Reply): void {
  if (x.finished || x.started) return;
  if (reply.fault !== undefined) x.fault ??= fault(reply.fault);
  const replaced = runResponseHooks(x, headOf(reply));
  sendWhole(x, (replaced ?? reply).body ?? EMPTY);
}

/** Turns a failure into its problem document, or cuts the connection when the head is already out. */
export function fail(x: Exchange, cause: Fault): void {
  if (x.finished) return;
  x.fault ??= cause;
  if (x.started) {
    // In this order: an edge may tell of the connection's end at once, and it would count as the client's doing.
    finish(x);
    x.down.cut();
    return;
  }
  answer(x, problemReply(cause.code, cause.detail, x.id, cause.headers ?? extraFields(x, cause.code)));
}

/** Hands the upstream's head to the client. False = a policy replaced the reply: the attempt is of no use any more. */
export function deliver(x: Exchange, head: ReplyHead): boolean {
  const replaced = runResponseHooks(x, head);
  if (replaced !== null) {
    sendWhole(x, replaced.body ?? EMPTY);
    return false;
  }
  x.started = true;
  x.down.start(head);
  return true;
}

/** The end of an exchange, good or bad; runs once. */
export function finish(x: Exchange): void {
  if (x.finished) return;
  x.finished = true;
  flight.active--;
  const attempt = x.attempt;
  if (attempt !== null) attempt.stop();
  if (x.tries !== null) x.tries.end();
  x.body?.discard();
  const { done } = x.route;
  for (let i = 0; i < done.length; i++) {
    try {
      done[i]!(x);
    } catch (error) {
      report.error(error, x);
    }
  }
  x.runtime.leave();
}

/**
 * Runs the hooks over `head`; `x.reply` is the head to send afterwards. A hook may replace the whole reply:
 * the last replacement is returned (its body counts), and later hooks see its head.
 */
function runResponseHooks(x: Exchange, head: ReplyHead): Reply | null {
  x.reply = head;
  const hooks = x.route.response;
  let replaced: Reply | null = null;
  try {
    for (let i = 0; i < hooks.length; i++) {
      const hook = hooks[i]!;
      if (hook.depth > x.depth) continue;
      const reply = hook.run(x);
      if (reply === undefined) continue;
      replaced = reply;
      x.reply = headOf(reply);
    }
  } catch (error) {
    report.error(error, x);
    x.fault = fault('internal');
    replaced = problemReply('internal', FAULTS.internal.title, x.id);
    x.reply = headOf(replaced);
  }
  return replaced;
}

function sendWhole(x: Exchange, body: Uint8Array): void {
  x.started = true;
  x.down.start(x.reply!);
  x.down.write(body, true);
}

function headOf(reply: Reply): BlockHead {
  const { status, body, block, opening } = reply;
  const head = new BlockHead(status, body?.length ?? 0, block ?? encodeBlock(reply.headers));
  if (opening !== undefined) head.opening = opening;
  return head;
}

const RETRY_AFTER: Headers = ['retry-after', '1'];

function extraFields(x: Exchange, code: FaultCode): Headers | undefined {
  if (code === 'method_not_allowed') return ['allow', x.allow];
  return FAULTS[code].status === 503 ? RETRY_AFTER : undefined;
}
