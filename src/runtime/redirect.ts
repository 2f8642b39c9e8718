import type { GatewayConfig } from '../contracts/config.ts';
import type { Exchange as ExchangeContract } from '../contracts/exchange.ts';
import type { Step } from '../contracts/policy.ts';
import { parseHost } from '../lib/host.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/**
 * The request hook that sends plain http to the same host and path over https. 308, since it is the one
 * permanent redirect that keeps method and body (RFC 9110 section 15.4.9).
 */
export function httpsRedirect({ listen: { https } }: GatewayConfig): (x: ExchangeContract) => Step {
  // Without a listener of our own a load balancer ends TLS, on the usual port.
  const port = https === undefined ? 443 : (https.publicPort ?? https.port);
  const suffix = port === 443 ? '' : `:${port}`;
  return (each) => {
    const x = each as Exchange;
    if (x.scheme === 'https') return undefined;
    // What the client asked for, where a trusted proxy changed the Host field.
    const host = parseHost(x.forwardedHost) ?? x.host;
    const target = x.query === '' ? x.path : `${x.path}?${x.query}`;
    return { status: 308, headers: ['location', `https://${host}${suffix}${target}`], body: null };
  };
}
