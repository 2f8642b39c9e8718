import { expect, test } from 'vitest';
import { envelope, type GatewayConfig } from '../../src/contracts/config.ts';
import { restartOnlyChanges } from '../../src/control/restart-only.ts';

const config = (https: object | null): GatewayConfig =>
  envelope.parse({ version: 1, listen: https === null ? {} : { https } });
const certificate = (cert: string) => ({ cert, key: 'key', hosts: ['a.example'] });
const before = { port: 8443, certificates: [certificate('one')] };

test.each<[string, object | null, object | null, string[]]>([
  ['another certificate', before, { ...before, certificates: [certificate('two')] }, []],
  ['one more certificate', before, { ...before, certificates: [certificate('one'), certificate('two')] }, []],
  ['other client authorities', { ...before, clientCa: 'one' }, { ...before, clientCa: 'two' }, []],
  ['the port that clients see', before, { ...before, publicPort: 443 }, []],
  ['another port', before, { ...before, port: 8444 }, ['listen.https.port']],
  ['another host', before, { ...before, host: '::1' }, ['listen.https.host']],
  ['another edge', before, { ...before, edge: 'node' }, ['listen.https.edge']],
  ['another demand', before, { ...before, clientCert: 'request' }, ['listen.https.clientCert']],
  ['no TLS listener any more', before, null, ['listen.https']],
  ['a TLS listener', null, before, ['listen.https']],
])('%s', (_, from, to, keys) => {
  expect(restartOnlyChanges(config(from), config(to))).toEqual(keys);
});

test('sizes that sockets and the addon are opened with', () => {
  const limited = (limits: object): GatewayConfig => envelope.parse({ version: 1, limits });
  const other = limited({ headerBytes: '8KB', receiveBuffer: '1MB', bodyBytes: '1MB' });
  expect(restartOnlyChanges(limited({}), other)).toEqual(['limits.headerBytes', 'limits.receiveBuffer']);
});
