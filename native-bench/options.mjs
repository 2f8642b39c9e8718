/** What the command line asks for. Each option has a variable of the environment too, for `make bench`. */
import { parseArgs } from 'node:util';

export const USAGE = `node native-bench/run.mjs [--only S1,S2] [--rounds 5] [--seconds 4] [--proxies sluice,nginx]
  [--minutes 1] (of soak) [--gate 2.5] (fail when S1 costs more than that times nginx) [--no-results] (write no file)`;

const env = process.env;
const list = (text) => text?.split(',').filter(Boolean);

/** @throws an Error that says what is wrong with the arguments. */
export function readOptions(args, scenarios) {
  const text = (variable) => ({ type: 'string', ...(env[variable] && { default: env[variable] }) });
  const { values } = parseArgs({
    args,
    options: {
      only: text('SCENARIO'),
      rounds: { type: 'string', default: env.ROUNDS || '5' },
      seconds: { type: 'string', default: env.SECONDS || '4' },
      proxies: text('PROXIES'),
      minutes: { type: 'string', default: env.MINUTES || '1' },
      gate: { type: 'string' },
      'no-results': { type: 'boolean', default: false },
    },
  });
  const [rounds, seconds, minutes] = [values.rounds, values.seconds, values.minutes].map(Number);
  const gate = values.gate === undefined ? undefined : Number(values.gate);
  const chosen = list(values.only) ?? scenarios;
  const wanted = list(values.proxies);
  const unknown = chosen.filter((name) => !scenarios.includes(name));
  if (unknown.length > 0)
    throw new Error(`no such scenario: ${unknown.join(', ')} (${scenarios.join(', ')})`);
  if (!(Number.isInteger(rounds) && rounds >= 1 && seconds >= 1 && minutes > 0))
    throw new Error('rounds and seconds are numbers from 1 up, minutes is above 0');
  if (gate !== undefined && !(gate > 0)) throw new Error('--gate takes a ratio, such as 2.5');
  if (wanted !== undefined && !(wanted.includes('sluice') && wanted.includes('nginx')))
    throw new Error('--proxies needs sluice and nginx: these two are compared');
  return { chosen, rounds, seconds, minutes, gate, wanted, saves: !values['no-results'] };
}
