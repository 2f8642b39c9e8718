import type { Facts } from '../contracts/facts.ts';
import { FactBoard } from '../ipc/facts.ts';
import type { Fleet } from './fleet.ts';

/** The primary's end of the facts: remembers what it tells, and tells it to workers born later before anything else. */
export function primaryFacts(fleet: Fleet): Facts {
  const board: FactBoard = new FactBoard((fact) => {
    board.keep(fact);
    fleet.broadcast({ t: 'fact', fact });
  });
  fleet.listen({
    born: (member) => {
      for (const fact of board.known()) member.send({ t: 'fact', fact });
    },
    message: (_, message) => {
      if (message.t === 'fact') board.hear(message.fact);
    },
  });
  return board;
}
