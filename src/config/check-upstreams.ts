import { parseHost } from '../lib/host.ts';
import { checkTls } from './check-tls.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, listOf, mapOf, type Raw } from './raw.ts';
import { parseTargetUrl } from './target-url.ts';

/** Checks every upstream by itself. */
export function checkUpstreams(data: Raw, report: Report): void {
  for (const [i, upstream] of listOf(data.upstreams).entries()) {
    if (!isMap(upstream)) continue;
    const path = ['upstreams', i];
    const schemes = checkTargets(upstream.targets, [...path, 'targets'], report);
    checkHost(upstream.host, [...path, 'host'], report);
    if (!isMap(upstream.tls)) continue;
    if (schemes.has('http') && !schemes.has('https'))
      report([...path, 'tls'], 'no target uses it: write https:// in a target, or remove tls', 'key');
    checkTls(upstream.tls, [...path, 'tls'], report);
  }
}

/** The schemes of the targets that can be read. */
function checkTargets(targets: unknown, path: Path, report: Report): Set<string> {
  const schemes = new Set<string>();
  const seen = new Map<string, number>();
  const list = listOf(targets).map(mapOf);
  for (const [i, { url }] of list.entries()) {
    if (typeof url !== 'string') continue;
    const parsed = parseTargetUrl(url);
    const at = [...path, i, 'url'];
    if (typeof parsed === 'string') {
      report(at, parsed);
      continue;
    }
    schemes.add(parsed.scheme);
    const key = `${parsed.scheme}://${parsed.host}:${String(parsed.port)}`;
    const first = seen.get(key);
    if (first !== undefined)
      report(at, `the same as target ${String(first)}: remove it, or raise the weight of that one`);
    else seen.set(key, i);
  }
  if (list.length > 0 && list.every(({ weight }) => weight === 0))
    report(path, 'every target has weight 0, so none would be chosen: give one a weight of 1 or more');
  return schemes;
}

function checkHost(host: unknown, path: Path, report: Report): void {
  if (typeof host !== 'string' || host === '' || host === 'client' || host === 'target') return;
  if (parseHost(host) === null)
    report(path, 'not a host: write client, target, or a name such as api.example.com');
}
