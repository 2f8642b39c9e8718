/** Something with a head to send. */
export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];

/**
 * Flushes at the end of this turn of the loop. A head is held that long so that the first piece of body,
 * which mostly follows at once, goes out in the same packet.
 */
export function hold(head: Flushable): void {
  if (waiting.push(head) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const heads = waiting;
  waiting = [];
  for (const head of heads) head.flush();
}
