import type { Facts } from '../contracts/facts.ts';

/** Bans that are remembered for workers born later; what comes beyond that reaches nobody else. */
const MOST = 10_000;

/** A client that one worker bans is banned by all of them, until its time is over. */
export function spreadBans(facts: Facts): void {
  let known = 0;
  facts.on('ban', (client, ban) => {
    if (ban === null || known >= MOST) return;
    known++;
    facts.tell('ban', client, ban);
    setTimeout(() => {
      known--;
      facts.tell('ban', client, null);
    }, ban.until - Date.now()).unref();
  });
}
