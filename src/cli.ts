#!/usr/bin/env node
import { Command, Option } from 'commander';
import type { Explanation } from './config/explain.ts';
import type { Flags } from './config/overrides.ts';
import type { GatewayConfig } from './contracts/config.ts';

/** ENTRY: the command line. Each command imports what it needs, so that none waits for another's modules. */
const program = new Command('sluice')
  .description('High-performance API gateway.')
  .showHelpAfterError('(sluice --help shows what there is)');

interface FileOptions extends Flags {
  readonly config?: string;
}

const withFile = (command: Command): Command =>
  command
    .addOption(new Option('-c, --config <file>', 'configuration file (default: $SLUICE_CONFIG)'))
    .addOption(new Option('--port <port>', 'port of the HTTP listener (beats $SLUICE_PORT and the file)'))
    .addOption(new Option('--admin-port <port>', 'port of the admin listener'))
    .addOption(new Option('--workers <number>', 'worker processes, or auto: one per core'))
    .addOption(new Option('--edge <edge>', 'HTTP implementation: uws or node'))
    .addOption(new Option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent'));

withFile(program.command('run'))
  .description('Start the gateway.')
  .action(async ({ config, ...flags }: FileOptions) => {
    const file = fileOf(config);
    const { run } = await import('./primary.ts');
    await run({ file, flags });
  });

withFile(program.command('check'))
  .description('Check a configuration file and tell every mistake.')
  .action(async ({ config, ...flags }: FileOptions) => {
    const file = fileOf(config);
    const { upstreams, routes } = await load(file, flags, true);
    print(`${file}: ok, ${String(routes.length)} routes, ${String(upstreams.length)} upstreams`);
  });

program
  .command('schema')
  .description('Print the JSON Schema of the configuration file.')
  .action(async () => {
    const { jsonSchema } = await import('./config/schema.ts');
    print(JSON.stringify(jsonSchema(), null, 2));
  });

withFile(program.command('explain'))
  .description('Tell which route would serve a request, and why.')
  .argument('<method>', 'such as GET')
  .argument('<url>', 'http://host/path?query, or /path with -H "host: name"')
  .addOption(
    new Option('-H, --header <field>', 'request header as "name: value"; may be repeated')
      .argParser((field: string, all: string[]) => [...all, ...readField(field)])
      .default([], 'none'),
  )
  .action(async (method: string, url: string, options: FileOptions & { readonly header: string[] }) => {
    const { config, header, ...flags } = options;
    const loaded = await load(fileOf(config), flags);
    const { explain } = await import('./config/explain.ts');
    print(describe(explain(loaded, { method, url, headers: header }), loaded));
  });

program
  .command('key')
  .description('API keys of consumers.')
  .command('new')
  .description('Make an API key: prints it once, and the hash to store.')
  .action(async () => {
    const { newKey } = await import('./auth/key-hash.ts');
    const { key, hash } = newKey();
    print(`key   ${key}\nhash  ${hash}`);
  });

program
  .command('password')
  .description('Read a password from standard input and print the hash to store for the basic policy.')
  .action(async () => {
    const { hashPassword } = await import('./auth/password.ts');
    const { text } = await import('node:stream/consumers');
    const password = (await text(process.stdin)).replace(/\r?\n$/, '');
    if (password === '') fail('no password: write it to standard input');
    print(hashPassword(password));
  });

function fileOf(option: string | undefined): string {
  const file = option ?? process.env.SLUICE_CONFIG;
  if (file === undefined || file === '') fail('no configuration file: give -c FILE, or set SLUICE_CONFIG');
  return file;
}

/** The configuration; with mistakes the process ends here. `warned`: tells what is hardly meant so, too. */
async function load(file: string, flags: Flags, warned = false): Promise<GatewayConfig> {
  const [{ loadFile }, { formatMistake }] = await Promise.all([
    import('./config/load.ts'),
    import('./config/mistakes.ts'),
  ]);
  const loaded = loadFile(file, { flags });
  if (!loaded.ok) fail(loaded.mistakes.map(formatMistake).join('\n'));
  if (warned) for (const each of loaded.warnings) process.stderr.write(`warning: ${formatMistake(each)}\n`);
  return loaded.config;
}

function readField(field: string): [name: string, value: string] {
  const colon = field.indexOf(':');
  if (colon < 1) fail(`not a header: ${JSON.stringify(field)} (write "name: value")`);
  return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()];
}

function describe(found: Explanation, config: GatewayConfig): string {
  if (found.outcome === 'refused') {
    const allow = 'allow' in found ? `\nallow     ${found.allow}` : '';
    return `answer    ${String(found.status)}, ${found.reason}${allow}`;
  }
  const { route, pattern, params, wanted, policies } = found;
  const { hosts, methods, headers, query } = route.match;
  const conditions = [
    ...Object.entries(headers).map(([name, value]) => `header ${name} is ${value}`),
    ...Object.entries(query).map(([name, value]) => `query ${name} is ${value}`),
  ];
  const lines = [
    ['route', route.id],
    ['host', `${wanted.host} fits ${hosts.length === 0 ? 'any host' : hosts.join(', ')}`],
    ['path', `${wanted.path} fits ${pattern}`],
    ...params.map(([name, value]) => ['', `${name} = ${value}`]),
    ['method', `${wanted.method} fits ${methods.length === 0 ? 'any method' : methods.join(', ')}`],
    ...conditions.map((each) => ['', each]),
    ['policies', policies.length === 0 ? 'none' : policies.join(', ')],
    ...(route.redirect === undefined ? [] : [['redirect', `${route.redirect}, when asked over http`]]),
    served(route.upstream, route.respond?.status, config),
  ];
  return lines.map(([name, text]) => `${name!.padEnd(9)} ${text!}`).join('\n');
}

function served(id: string | undefined, status: number | undefined, config: GatewayConfig): string[] {
  if (id === undefined) return ['respond', String(status)];
  const targets = config.upstreams.find((each) => each.id === id)?.targets ?? [];
  const listed = targets.map(({ url, weight }) => `${url} (weight ${String(weight)})`).join(', ');
  return ['upstream', `${id}: ${listed}`];
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

await program.parseAsync();
