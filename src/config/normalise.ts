import type { GatewayConfig, RouteConfig, UpstreamConfig } from '../contracts/config.ts';
import { hostsOf } from './certificates.ts';
import { parseTargetUrl } from './target-url.ts';

/** Brings a checked configuration into the one form that everything after the loader relies on. */
export function normalise(config: GatewayConfig): GatewayConfig {
  return {
    ...config,
    listen: normaliseListen(config.listen),
    upstreams: config.upstreams.map(normaliseUpstream),
    routes: config.routes.map(normaliseRoute),
  };
}

function normaliseListen(listen: GatewayConfig['listen']): GatewayConfig['listen'] {
  const { https } = listen;
  if (https === undefined) return listen;
  const certificates = https.certificates.map((each) => ({ ...each, hosts: hostsOf(each.hosts, each.cert) }));
  const clientCert = https.clientCa === undefined ? undefined : (https.clientCert ?? 'require');
  return { ...listen, https: { ...https, certificates, ...(clientCert && { clientCert }) } };
}

function normaliseUpstream(upstream: UpstreamConfig): UpstreamConfig {
  const targets = upstream.targets.map((target) => {
    const parsed = parseTargetUrl(target.url);
    return typeof parsed === 'string' ? target : { ...target, url: parsed.text };
  });
  const fallback = upstream.fallback?.map((step) =>
    'respond' in step ? { respond: { ...step.respond, headers: lowerKeys(step.respond.headers) } } : step,
  );
  return { ...upstream, targets, ...(fallback && { fallback }) };
}

function normaliseRoute(route: RouteConfig): RouteConfig {
  const { hosts, headers } = route.match;
  const match = {
    ...route.match,
    hosts: hosts.map((host) => host.toLowerCase()),
    headers: lowerKeys(headers),
  };
  if (route.respond === undefined) return { ...route, match };
  return { ...route, match, respond: { ...route.respond, headers: lowerKeys(route.respond.headers) } };
}

const lowerKeys = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name.toLowerCase(), value]));
