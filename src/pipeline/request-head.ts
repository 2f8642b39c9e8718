import type { RequestHead } from '../contracts/http.ts';
import type { Upstream } from '../contracts/runtime.ts';
import type { Target } from '../contracts/transport.ts';
import { flat } from '../lib/flat.ts';
import { newSpanId } from '../lib/ids.ts';
import type { Exchange } from './exchange.ts';

/** What the target is asked: the client’s own fields, and those that only the gateway may write. */
export function requestHead(x: Exchange, upstream: Upstream, target: Target): RequestHead {
  const { host } = upstream;
  return {
    method: x.method,
    target: x.query === '' ? x.path : x.path + '?' + x.query,
    host: host === 'client' ? x.authority : host === 'target' ? target.authority : host.name,
    lines: x.lines(),
    added: addedFields(x),
    length: x.bodyLength,
    explicitZero: x.hasLength && x.bodyLength === 0,
  };
}

/** The fields that the gateway writes itself; whatever the client said in their place is gone since the intake. */
function addedFields(x: Exchange): string {
  // A valid traceparent goes on as it came: the gateway records no span that could stand between.
  const traceparent = x.traceparent === '' ? '00-' + x.traceId + '-' + newSpanId() + '-01' : x.traceparent;
  const added = forwarded(x) + x.id + '\r\ntraceparent: ' + traceparent + '\r\nvia: 1.1 sluice\r\n';
  return x.identity === null ? added : added + x.identity.fields;
}

/** What the last request began with; most come the same way to the same host. */
const last = { client: '', proto: '', host: '', text: '' };

/** The X-Forwarded fields, and the name of the next one. */
function forwarded({ forwardedFor, forwardedProto, forwardedHost }: Exchange): string {
  if (forwardedFor !== last.client || forwardedProto !== last.proto || forwardedHost !== last.host) {
    last.client = forwardedFor;
    last.proto = forwardedProto;
    last.host = forwardedHost;
    const host = `x-forwarded-proto: ${forwardedProto}\r\nx-forwarded-host: ${forwardedHost}\r\n`;
    last.text = flat(`x-forwarded-for: ${forwardedFor}\r\n${host}x-request-id: `);
  }
  return last.text;
}
