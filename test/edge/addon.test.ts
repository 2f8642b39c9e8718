import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { rebindGlibc } from '../../src/edge/rebind.ts';

const pack = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const binary = `uws_linux_x64_${process.versions.modules}.node`;
const shipped: Buffer = readFileSync(join(pack, binary));
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const root = mkdtempSync(join(tmpdir(), 'sluice-addon-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('rebindGlibc', () => {
  test.each([
    ['115', '0fdb9722352c4e0f519b42ad8b0c2bd4544b2c27484c1d49ddf143bfd1637cbb'],
    ['127', '4ea0943df7d3202b3ada5eb01c40c37c63bb192fd9c7b1abae5082c5cc1f2803'],
    ['137', '8d5817f3a52803cb69a0e3d54f6487b533fda603aa63dab8ea09f9762d992e0b'],
    ['141', '395fee5c7a644ad0964cc26651b5dd12833c147123c69dbe938fe17eb13a2760'],
  ])('gives the known copy of the binary for Node ABI %s', (abi, expected) => {
    const source = readFileSync(join(pack, `uws_linux_x64_${abi}.node`));
    const before = sha256(source);
    expect(sha256(rebindGlibc(source))).toBe(expected);
    expect(sha256(source)).toBe(before);
  });

  test('changes nothing but three name offsets and one version entry', () => {
    const copy = rebindGlibc(shipped);
    const words = new Set<number>();
    for (let i = 0; i < copy.length; i++) if (copy[i] !== shipped[i]) words.add(i >> 2);
    expect(copy.length).toBe(shipped.length);
    expect(words.size).toBe(3 + 2);
  });

  test('refuses what it has already done', () => {
    expect(() => rebindGlibc(rebindGlibc(shipped))).toThrow('does not need GLIBC_2.38');
  });

  test('refuses every file that is cut short', () => {
    const cut = fc.oneof(
      fc.nat({ max: shipped.length - 1 }),
      fc.nat({ max: 4096 }),
      fc.nat({ max: 4096 }).map((n) => shipped.length - 1 - n),
    );
    fc.assert(
      fc.property(cut, (n) => {
        expect(() => rebindGlibc(shipped.subarray(0, n))).toThrow();
      }),
    );
  });

  test('answers a damaged file with a copy or a plain error, never anything else', () => {
    const tables = shipped.indexOf('GLIBC_2.38');
    const place = fc.oneof(
      fc.nat({ max: 1024 }),
      fc.nat({ max: 0x1000 }).map((n) => tables + n),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
        (edits) => {
          const copy = Buffer.from(shipped);
          for (const [at, byte] of edits) copy[at] = byte;
          try {
            expect(rebindGlibc(copy).length).toBe(copy.length);
          } catch (error) {
            expect((error as Error).constructor).toBe(Error);
          }
        },
      ),
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0), 'not an ELF64'],
    ['a text', Buffer.from('#!/bin/sh\n'.repeat(100)), 'not an ELF64'],
    ['a 32-bit file', patched((copy) => (copy[4] = 1)), 'not an ELF64'],
    ['a big-endian file', patched((copy) => (copy[5] = 2)), 'not an ELF64'],
    ['another CPU', readFileSync(join(pack, 'uws_linux_arm64_115.node')), 'not a file for x86-64'],
  ])('refuses %s', (_, file, message) => {
    expect(() => rebindGlibc(file)).toThrow(message);
  });

  test('refuses a file that needs anything else of glibc 2.38', () => {
    const other = patched((copy) => copy.write('fscanf', copy.indexOf('__isoc23_sscanf\0') + 9));
    expect(() => rebindGlibc(other)).toThrow('__isoc23_fscanf needs GLIBC_2.38');
    const renamed = patched((copy) => copy.write('x', copy.indexOf('__isoc23_strtoul\0')));
    expect(() => rebindGlibc(renamed)).toThrow('x_isoc23_strtoul needs GLIBC_2.38');
  });
});

function patched(edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(shipped);
  edit(copy);
  return copy;
}

interface Loaded {
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly origin: { readonly file: string; readonly sha256: string; readonly rebound: boolean } | null;
  readonly status: number;
  readonly server: string | null;
}

const MISSING = "Error: libc.so.6: version `GLIBC_2.38' not found (required by uws.node)";
let home: string;
let cache: string;

beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
  cache = join(home, 'cache');
});

/** A place where the loader finds a package of our making: by default one that behaves as on an older glibc. */
function install(
  main = `throw new Error(${JSON.stringify(`words first\n\n${MISSING}`)})`,
  file: Buffer = shipped,
): string {
  const edge = join(home, 'edge');
  const into = join(home, 'node_modules', 'uWebSockets.js');
  mkdirSync(edge);
  mkdirSync(into, { recursive: true });
  for (const name of ['addon.js', 'rebind.js', 'uws-types.js'])
    copyFileSync(join(import.meta.dirname, '..', '..', 'dist', 'edge', name), join(edge, name));
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  writeFileSync(join(into, 'package.json'), '{"main":"uws.js","type":"commonjs"}');
  writeFileSync(join(into, 'uws.js'), main);
  writeFileSync(join(into, binary), file);
  return edge;
}

/** Loads the addon in a process of its own, and asks it one request with a head of 3000 bytes. */
function load(
  edge: string,
  options: object,
  env: Record<string, string> = {},
  prelude = '',
): Promise<Loaded> {
  const script = `${prelude}
    const { loadAddon, addonOrigin } = await import(${JSON.stringify(`file://${edge}/addon.js`)});
    const result = { error: null, origin: null, status: 0, server: null };
    try {
      const uws = loadAddon(${JSON.stringify(options)});
      if (loadAddon() !== uws) throw new Error('loaded twice');
      result.origin = addonOrigin();
      const app = uws.App().any('/*', (res) => { res.end('ok') });
      const port = await new Promise((done) => app.listen('127.0.0.1', 0, (s) => done(uws.us_socket_local_port(s))));
      const reply = await fetch('http://127.0.0.1:' + port, { headers: { x: 'y'.repeat(3000), connection: 'close' } });
      result.status = reply.status;
      result.server = reply.headers.get('uwebsockets');
      app.close();
    } catch (error) { result.error = { name: error.name, message: error.message } }
    console.log(JSON.stringify(result));`;
  const clean = { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: home, ...env };
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '-e', script];
    execFile(process.execPath, args, { env: clean }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(JSON.parse(stdout) as Loaded);
    });
  });
}

const refusal = async (...args: Parameters<typeof load>): Promise<string> => {
  const { error } = await load(...args);
  expect(error?.name).toBe('AddonError');
  expect(error?.message).not.toContain('\n');
  return error!.message;
};

describe('loadAddon with the installed package', () => {
  const edge = join(import.meta.dirname, '..', '..', 'dist', 'edge');

  test('serves requests, within the header limit, and does not tell its version', async () => {
    const generous = await load(edge, { cacheDir: cache, headerBytes: 16_384 });
    expect(generous).toMatchObject({ error: null, status: 200, server: null });
    const strict = await load(edge, { cacheDir: cache, headerBytes: 2_048 });
    expect(strict).toMatchObject({ error: null, status: 431 });
  });

  test('tells which file it opened', async () => {
    const { origin } = await load(edge, { cacheDir: cache });
    expect(origin!.sha256).toBe(sha256(readFileSync(origin!.file)));
  });
});

describe('loadAddon on an older glibc', () => {
  const file = () => join(cache, `${sha256(shipped)}.node`);

  test('opens a rebound copy that only its user can touch, and uses it again', async () => {
    const edge = install();
    const first = await load(edge, { cacheDir: cache });
    expect(first).toMatchObject({ error: null, status: 200, server: null });
    expect(first.origin).toEqual({ file: file(), sha256: sha256(rebindGlibc(shipped)), rebound: true });
    expect(lstatSync(cache).mode & 0o777).toBe(0o700);
    const { ino, mode } = lstatSync(file());
    expect(mode & 0o777).toBe(0o600);
    expect(await load(edge, { cacheDir: cache })).toEqual(first);
    expect(lstatSync(file()).ino).toBe(ino);
  });

  test('replaces a planted file, a link, and a file that others may write', async () => {
    const edge = install();
    const good = rebindGlibc(shipped);
    mkdirSync(cache, { mode: 0o700 });
    const plants = [
      () => writeFileSync(file(), Buffer.alloc(good.length)),
      () => writeFileSync(file(), 'short'),
      () => (writeFileSync(join(home, 'elsewhere'), good), symlinkSync(join(home, 'elsewhere'), file())),
      () => (writeFileSync(file(), good), chmodSync(file(), 0o666)),
    ];
    for (const plant of plants) {
      rmSync(file(), { force: true });
      plant();
      expect(await load(edge, { cacheDir: cache })).toMatchObject({ error: null, status: 200 });
      expect(lstatSync(file()).isFile()).toBe(true);
      expect(lstatSync(file()).mode & 0o777).toBe(0o600);
      expect(readFileSync(file()).equals(good)).toBe(true);
    }
  });

  test('refuses a folder that others may write, or that is theirs, or that they may exchange', async () => {
    const edge = install();
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    expect(await refusal(edge, { cacheDir: cache })).toContain(`${cache}: others may write to the folder`);
    expect(await refusal(edge, { cacheDir: join(cache, 'inner') })).toContain(`others may change ${cache}`);
    chmodSync(cache, 0o700);
    const mine = process.getuid!() !== 0;
    if (!mine) chownSync(cache, 12_345, 12_345);
    const foreign = mine ? '/usr' : cache;
    expect(await refusal(edge, { cacheDir: foreign })).toContain('belongs to somebody else');
    expect(readdirSync(cache).filter((name) => name.endsWith('.node'))).toEqual([]);
  });

  test('prefers the cache folder of the user, and falls back to the temporary one', async () => {
    const edge = install();
    const byHome = await load(edge, {});
    expect(dirname(byHome.origin!.file)).toBe(join(home, '.cache', 'sluice'));
    mkdirSync(cache);
    const byXdg = await load(edge, {}, { XDG_CACHE_HOME: cache });
    expect(dirname(byXdg.origin!.file)).toBe(join(cache, 'sluice'));
    chmodSync(cache, 0o777);
    const byTemporary = await load(edge, {}, { XDG_CACHE_HOME: cache });
    expect(dirname(byTemporary.origin!.file)).toBe(join(home, `sluice-addon-${process.getuid!()}`));
  });

  test('is safe to do in several processes at once', async () => {
    const edge = install();
    const all = await Promise.all(Array.from({ length: 4 }, () => load(edge, { cacheDir: cache })));
    for (const each of all) expect(each).toMatchObject({ error: null, status: 200 });
    expect(readdirSync(cache)).toEqual([`${sha256(shipped)}.node`]);
  });
});

describe('loadAddon where it cannot work', () => {
  test('says that the package is missing', async () => {
    const edge = install();
    rmSync(join(home, 'node_modules'), { recursive: true });
    expect(await refusal(edge, {})).toBe('the package uWebSockets.js is not installed');
  });

  test('says that there is no build for this CPU', async () => {
    const other = "Object.defineProperty(process, 'arch', { value: 'riscv64' });";
    expect(await refusal(install(), {}, {}, other)).toContain('no build for linux riscv64 and Node');
  });

  test('says that this is not glibc', async () => {
    const musl = 'process.report.getReport = () => ({ header: {} });';
    const edge = install("throw new Error('Error relocating uws.node: symbol not found')");
    expect(await refusal(edge, {}, {}, musl)).toContain('needs glibc; this system has another C library');
  });

  test('passes on what the loader says', async () => {
    const edge = install(`require('./${binary}')`, Buffer.from('garbage'));
    expect(await refusal(edge, {})).toMatch(/cannot be loaded: .*(file too short|invalid ELF header)/);
  });

  test('says what else the binary needs of a newer glibc', async () => {
    const other = patched((copy) => copy.write('fscanf', copy.indexOf('__isoc23_sscanf\0') + 9));
    expect(await refusal(install(undefined, other), {})).toContain('__isoc23_fscanf needs GLIBC_2.38');
  });

  test('refuses a module of another kind', async () => {
    expect(await refusal(install('module.exports = {}'), {})).toContain('is not uWebSockets.js');
  });
});
