import { envelope, type GatewayConfig } from '../contracts/config.ts';
import { BLOCKS, type Block } from './blocks.ts';
import { crossCheck } from './crosscheck.ts';
import { parse } from './document.ts';
import type { Environment } from './env.ts';
import { check } from './issues.ts';
import { byPosition, type Mistake, type Report } from './mistakes.ts';
import { normalise } from './normalise.ts';
import { override, type Flags } from './overrides.ts';
import { checkPolicies, ROOT, routePlace } from './policies.ts';
import { listOf, mapOf, type Raw } from './raw.ts';
import { inlineFiles } from './secrets.ts';
import { readSource } from './source.ts';

export interface LoadOptions {
  /** Fills `${NAME}` and gives the `SLUICE_*` overrides. Default: `process.env`. */
  readonly env?: Environment;
  readonly flags?: Flags;
  /** Policies that may be named. Default: all there are. */
  readonly policies?: readonly Block[];
}

/** A configuration ready to run, or every mistake in it in order of position. */
export type Loaded =
  | {
      readonly ok: true;
      /** Plain data: defaults filled, units resolved, files read, names in normal form. */
      readonly config: GatewayConfig;
      /** Absolute paths of the `{ file }`s that went into it. */
      readonly files: readonly string[];
      /** What is served all the same, but hardly meant so: an expired certificate. */
      readonly warnings: readonly Mistake[];
    }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Loads a configuration file; see `loadText`. A file that cannot be read is a mistake too. Never throws. */
export function loadFile(path: string, options: LoadOptions = {}): Loaded {
  const source = readSource(path);
  return 'text' in source ? loadText(source.text, path, options) : { ok: false, mistakes: [source.mistake] };
}

/**
 * Loads a configuration from YAML or JSON text. `fileName` is what mistakes are told of, and what the
 * `{ file: PATH }`s in it are relative to. Reads those files and nothing else. Never throws.
 */
export function loadText(text: string, fileName: string, options: LoadOptions = {}): Loaded {
  const { env = process.env, flags = {}, policies = BLOCKS } = options;
  const parsed = parse(text, fileName, env);
  if (!('data' in parsed)) return { ok: false, mistakes: [parsed] };

  const overridden = override(parsed.data, env, flags);
  const mistakes: Mistake[] = [...parsed.mistakes];
  const placed: Place = (path, message, at) =>
    overridden.place(path, message) ?? parsed.place(path, message, at);
  const report: Report = (...told) => {
    const mistake = placed(...told);
    if (!parsed.mistakes.some((guess) => samePlace(guess, mistake))) mistakes.push(mistake);
  };
  const { data, files } = inlineFiles(overridden.data, fileName, report);
  const checked = check(envelope, data, [], report);
  const chosen = policyOptions(data, policies, report);
  const warnings: Mistake[] = [];
  crossCheck(data, report, (...told) => void warnings.push(placed(...told)));
  if (checked === null || mistakes.length > 0) return { ok: false, mistakes: mistakes.sort(byPosition) };
  return { ok: true, config: normalise(withPolicies(checked.value, chosen)), files, warnings };
}

type Place = (...told: Parameters<Report>) => Mistake;

/** Whether a mistake is about a value that was only guessed, because of a mistake told already. */
const samePlace = (a: Mistake, b: Mistake): boolean =>
  a.line === b.line && a.col === b.col && a.file === b.file;

/** Options of policies, parsed: of the root, and of every route. */
interface PolicyOptions {
  readonly root: Record<string, unknown>;
  readonly routes: readonly Record<string, unknown>[];
}

function policyOptions(data: Raw, table: readonly Block[], report: Report): PolicyOptions {
  return {
    root: checkPolicies(data.policies, ROOT, table, report),
    routes: listOf(data.routes).map((route, i) =>
      checkPolicies(mapOf(route).policies, routePlace(mapOf(route), i), table, report),
    ),
  };
}

const withPolicies = (config: GatewayConfig, { root, routes }: PolicyOptions): GatewayConfig => ({
  ...config,
  policies: root,
  routes: config.routes.map((route, i) => ({ ...route, policies: routes[i] ?? {} })),
});
