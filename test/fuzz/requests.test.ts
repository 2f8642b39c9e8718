import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { addressOf, FuzzClient } from './client.ts';
import { REQUESTS } from './corpus.ts';
import { judgeReplies, judgeRequests } from './judge-requests.ts';
import { cutAt, cuts, mutated } from './mutate.ts';
import { startFuzzOrigin, type FuzzOrigin } from './origin.ts';
import { plainRequests, type Rules } from './plain-request.ts';
import { campaign, casesOf, escaped, LIMIT_MS } from './settings.ts';

/** Cases that run at the same time. */
const WIDTH = 512;
/** For how long a client that sent what it had waits for another byte. */
const QUIET_MS = 100;
/** All time-outs of the gateway are well below, the addon's steps of four seconds included. */
const HANG_MS = 40_000;

const RULES: Record<'uws' | 'node', Rules> = {
  uws: { loose: true, addonFields: true, addonChunks: true },
  node: { loose: true, addonFields: false, addonChunks: false },
};

interface Message {
  readonly bytes: Buffer;
  readonly places: readonly number[];
  /** Whether the client waits for an answer before it goes on. */
  readonly waits: boolean;
}

interface Case {
  readonly messages: readonly Message[];
  /** Whether the client stays silent until the gateway ends the connection, instead of ending it itself. */
  readonly patient: boolean;
}

const message: fc.Arbitrary<Message> = fc.record({
  bytes: mutated(REQUESTS),
  places: cuts,
  waits: fc.boolean(),
});
const cases: fc.Arbitrary<Case> = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 3, size: 'max' }),
  patient: fc.nat(30).map((n) => n === 0),
});

const shown = ({ messages, patient }: Case): string =>
  messages
    .map(
      ({ bytes, places, waits }) =>
        cutAt(bytes, places)
          .map((part) => `"${escaped(part)}"`)
          .join(' | ') + (waits ? ' (waits)' : ''),
    )
    .join('\n  ') + (patient ? ' (patient)' : '');

describe.each(['uws', 'node'] as const)('requests on the %s edge', (edge) => {
  let origin: FuzzOrigin;
  let gateway: Gateway;
  let workers: number[];
  beforeAll(async () => {
    origin = await startFuzzOrigin();
    gateway = await startGateway({ config: configOf(edge, origin.port) });
    workers = gateway.workers();
  });

  async function run(each: Case, index: number): Promise<string | null> {
    const address = addressOf(index);
    const seen = origin.open(address);
    using client = new FuzzClient(gateway.port, address);
    const sent = await converse(client, each, RULES[edge]);
    if (!each.patient) client.end();
    const ended = await client.ended(HANG_MS);
    origin.close(address);
    const wrong = ended
      ? (judgeRequests(sent, seen) ?? judgeReplies(client.received, sent, seen))
      : 'the gateway neither answers nor ends the connection';
    return wrong === null
      ? null
      : `${escaped(Buffer.from(wrong, 'latin1'))}\n  ${shown(each)}\n  answered "${escaped(Buffer.from(client.received, 'latin1'))}"`;
  }

  test(
    'nothing reaches the origin or the client that the other side did not send',
    async () => {
      const wrong = await campaign(cases, casesOf(edge), WIDTH, run);
      expect([...wrong, ...origin.complaints.slice(0, 5)]).toEqual([]);
      expect(gateway.workers()).toEqual(workers);
      expect(gateway.output).not.toMatch(/"level":"(error|fatal)"/);
    },
    LIMIT_MS,
  );
});

/** Sends the messages; answers what a plain reader makes of all the bytes. */
async function converse(client: FuzzClient, { messages }: Case, rules: Rules) {
  let text = '';
  let sent = plainRequests(text, rules);
  for (const { bytes, places, waits } of messages) {
    text += bytes.toString('latin1');
    sent = plainRequests(text, rules);
    await client.send(cutAt(bytes, places));
    if (waits) await client.settle(sent.requests.length, QUIET_MS);
  }
  await client.settle(sent.requests.length + (sent.rest === 'bad' ? 1 : 0), QUIET_MS);
  return sent;
}

const configOf = (edge: string, port: number) => ({
  version: 1,
  log: { access: false },
  listen: { http: { host: '127.0.0.1', edge } },
  limits: { headerTimeout: '1s', bodyTimeout: '1s', idleTimeout: '2s' },
  upstreams: [
    {
      id: 'origin',
      targets: [{ url: `http://127.0.0.1:${port}` }],
      timeouts: { connect: '5s', request: '15s', idle: '5s' },
    },
  ],
  routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin' }],
});
