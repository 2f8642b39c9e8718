import { checkRespond } from './check-routes.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, listOf, mapOf, type Raw } from './raw.ts';
import { remedy } from './suggest.ts';

/** Checks the fallback ladders: that each leads somewhere, and none in a circle. */
export function checkFallbacks(data: Raw, report: Report, warn: Report): void {
  const ladders = new Map<unknown, readonly unknown[]>();
  for (const each of listOf(data.upstreams).filter(isMap)) ladders.set(each.id, listOf(each.fallback));
  for (const [i, upstream] of listOf(data.upstreams).entries()) {
    if (!isMap(upstream)) continue;
    const steps = listOf(upstream.fallback).map(mapOf);
    for (const [k, step] of steps.entries()) {
      const path = ['upstreams', i, 'fallback', k];
      checkStep(step, path, report);
      if ('stale' in step)
        warn(
          [...path, 'stale'],
          'there is no cache yet that could hold a stale reply: this step does nothing',
        );
      if ('respond' in step && k < steps.length - 1)
        report([...path, 'respond'], 'always answers, so what follows is never reached: put it last', 'key');
      if (typeof step.upstream === 'string') checkUpstream(upstream.id, step.upstream, ladders, path, report);
    }
  }
}

function checkStep(step: Raw, path: Path, report: Report): void {
  if (isMap(step.respond)) checkRespond(step.respond, [...path, 'respond'], report);
}

function checkUpstream(
  own: unknown,
  next: string,
  ladders: ReadonlyMap<unknown, readonly unknown[]>,
  path: Path,
  report: Report,
): void {
  const at = [...path, 'upstream'];
  if (!ladders.has(next)) {
    const ids = [...ladders.keys()].filter((id) => typeof id === 'string');
    report(at, `there is no upstream "${next}": ${remedy(next, ids, 'add it to upstreams')}`);
  } else if (reaches(next, own, ladders, new Set()))
    report(at, `leads back to "${String(own)}": a fallback must not go round in circles; remove one of them`);
}

function reaches(
  from: unknown,
  to: unknown,
  ladders: ReadonlyMap<unknown, readonly unknown[]>,
  seen: Set<unknown>,
): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (ladders.get(from) ?? []).some((step) => {
    const { upstream } = mapOf(step);
    return upstream !== undefined && reaches(upstream, to, ladders, seen);
  });
}
