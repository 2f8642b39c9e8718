/**
 * The end of a turn of the event loop, when everything that has come at once has been read. What is written then, one
 * message after the other, has the kernel's way from a socket to the other side's in the processor's caches, and a head
 * meets the piece of body that mostly follows it (figures: native-bench/README.md).
 */

/** Has something to write. */
export interface Flushable {
  flush(): void;
}

/** With so many requests under way or fewer, in all or to one upstream, there is nothing to write together. */
export const CROWD = 4;

let waiting: Flushable[] = [];

/** Flushes at the end of this turn, in the order of these calls. An error there ends the process: the others never go out. */
export function hold(what: Flushable): void {
  if (waiting.push(what) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const all = waiting;
  waiting = [];
  for (let i = 0; i < all.length; i++) all[i]!.flush();
}
