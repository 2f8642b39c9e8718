import { CROWD, type Flushable, hold } from '../lib/turn.ts';
import type { Exchange } from './exchange.ts';
import { flight } from './reply.ts';

/**
 * Short replies that came whole wait for the end of the turn (`lib/turn.ts`): who sleeps on the other side is woken once. To
 * everybody else it is as if those replies had come a little later.
 */

/** Longer ones go out at once: nobody has measured whether their copy pays. */
const LONGEST = 4_096;
const ROOM = 131_072;
/** Where they wait: what they came in is read into again. Who finds no room does not wait. */
const memory = Buffer.allocUnsafeSlow(ROOM);
let used = 0;

const replies: Flushable = { flush: endAll };
const exchanges: Exchange[] = [];
const bodies: Uint8Array[] = [];

/** Lets the whole reply of `x`, of which nothing has been sent, end with this turn; false = it has to be written now. */
export function endTogether(x: Exchange, body: Uint8Array): boolean {
  const { length } = body;
  if (flight.active <= CROWD || length > LONGEST) return false;
  const head = x.reply!;
  const { from, to } = head.apart();
  const room = to - from + head.lines.length;
  if (room > LONGEST || used + room + length > ROOM) return false;
  const at = head.keepAt(memory, used);
  memory.set(body, at);
  used = at + length;
  bodies.push(new Uint8Array(memory.buffer, at, length));
  // Nobody waits for more of the request, and what may be wrong with it must not undo the reply.
  x.body?.discard();
  if (exchanges.push(x) === 1) hold(replies);
  return true;
}

function endAll(): void {
  for (let i = 0; i < exchanges.length; i++) {
    const x = exchanges[i]!;
    // Its client may have left since.
    if (!x.finished) x.down.write(bodies[i]!, true);
  }
  exchanges.length = bodies.length = used = 0;
}
