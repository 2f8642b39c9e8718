import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { rebindGlibc } from './rebind.ts';
import type { Uws } from './uws-types.ts';

export type * from './uws-types.ts';

/** The addon reads its limit of the request head here, in bytes, once, while it loads. */
export const HEADER_LIMIT = 'UWS_HTTP_MAX_HEADERS_SIZE';

export interface AddonOptions {
  /** Where the rebound copy is kept; default: the first usable one of the user's cache folder and the temporary folder. */
  readonly cacheDir?: string;
  /** Largest request head in bytes, request line included; the addon's own default is 4096. */
  readonly headerBytes?: number;
}

/** Which file serves, for the log. */
export interface AddonOrigin {
  readonly file: string;
  readonly sha256: string;
  /** Whether it is a copy rebound to an older glibc. */
  readonly rebound: boolean;
}

/** Why uWebSockets.js cannot be used here: one line, for the operator. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
}

const require = createRequire(import.meta.url);
let loaded: { readonly uws: Uws; readonly origin: AddonOrigin } | null = null;

/**
 * Loads uWebSockets.js, once per process: as it is shipped, or, where that fails for want of glibc 2.38, as a
 * rebound copy (`rebind.ts`) from a cache folder that nobody else can write. Throws `AddonError`.
 */
export function loadAddon(options: AddonOptions = {}): Uws {
  if (loaded === null) {
    if (options.headerBytes !== undefined) process.env[HEADER_LIMIT] = String(options.headerBytes);
    loaded = open(options);
    // Without this every response tells the addon's version.
    loaded.uws._cfg?.('999999990007');
  }
  return loaded.uws;
}

/** The file that `loadAddon` opened; null before. */
export const addonOrigin = (): AddonOrigin | null => loaded?.origin ?? null;

function open(options: AddonOptions): { uws: Uws; origin: AddonOrigin } {
  const shipped = shippedFile();
  try {
    const uws = require('uWebSockets.js') as unknown;
    return { uws: asUws(uws), origin: originOf(shipped, readFileSync(shipped), false) };
  } catch (error) {
    if (error instanceof AddonError) throw error;
    const why = lastLine(error);
    if (!why.includes('GLIBC_2.38')) throw new AddonError(diagnose(why), { cause: error });
    if (process.arch !== 'x64')
      throw new AddonError(`on ${process.arch} uWebSockets.js needs glibc 2.38 or newer`);
    return openRebound(shipped, options.cacheDir);
  }
}

function shippedFile(): string {
  let folder: string;
  try {
    folder = dirname(require.resolve('uWebSockets.js'));
  } catch (error) {
    throw new AddonError('the package uWebSockets.js is not installed', { cause: error });
  }
  const { platform, arch, versions } = process;
  const file = join(folder, `uws_${platform}_${arch}_${versions.modules}.node`);
  if (existsSync(file)) return file;
  throw new AddonError(`uWebSockets.js has no build for ${platform} ${arch} and Node ${versions.node}`);
}

function openRebound(shipped: string, cacheDir: string | undefined): { uws: Uws; origin: AddonOrigin } {
  const source = readFileSync(shipped);
  let copy: Buffer;
  try {
    copy = rebindGlibc(source);
  } catch (error) {
    throw new AddonError(`uWebSockets.js needs glibc 2.38: ${lastLine(error)}`, { cause: error });
  }
  const reasons: string[] = [];
  for (const folder of cacheDir === undefined ? cacheFolders() : [cacheDir]) {
    try {
      const file = place(copy, privateFolder(folder), `${sha256(source)}.node`);
      const holder = { exports: {} as unknown };
      process.dlopen(holder, file);
      return { uws: asUws(holder.exports), origin: originOf(file, copy, true) };
    } catch (error) {
      reasons.push(`${folder}: ${lastLine(error)}`);
    }
  }
  throw new AddonError(`uWebSockets.js, rebound to an older glibc, cannot be loaded: ${reasons.join('; ')}`);
}

/** XDG base directories: a relative `XDG_CACHE_HOME` counts as unset. */
function cacheFolders(): string[] {
  const xdg = process.env['XDG_CACHE_HOME'] ?? '';
  const user = isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  return [join(user, 'sluice'), join(tmpdir(), `sluice-addon-${userId()}`)];
}

/**
 * Makes `folder` when it is missing, and makes sure that nobody but this user (and root) can put anything into
 * it or exchange it or one of its parents. Returns its real path.
 */
function privateFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const real = realpathSync(folder);
  const { uid, mode } = lstatSync(real);
  if (uid !== userId()) throw new Error('the folder belongs to somebody else');
  if ((mode & OTHERS_MAY_WRITE) !== 0) throw new Error('others may write to the folder');
  for (let at = dirname(real); ; at = dirname(at)) {
    const parent = lstatSync(at);
    const exchangeable = (parent.mode & OTHERS_MAY_WRITE) !== 0 && (parent.mode & STICKY) === 0;
    if ((parent.uid !== 0 && parent.uid !== userId()) || exchangeable)
      throw new Error(`others may change ${at}`);
    if (at === dirname(at)) return real;
  }
}

/** Puts `content` there under that name. A file that is already there serves only if it is ours and equal. */
function place(content: Buffer, folder: string, name: string): string {
  const file = join(folder, name);
  if (holds(file, content)) return file;
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    writeFileSync(draft, content, { flag: 'wx', mode: 0o600 });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return file;
}

function holds(file: string, content: Buffer): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.uid !== userId()) return false;
  return (
    (found.mode & OTHERS_MAY_WRITE) === 0 &&
    found.size === content.length &&
    readFileSync(file).equals(content)
  );
}

const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

function asUws(module: unknown): Uws {
  const found = module as Partial<Uws> | null;
  if (typeof found?.App !== 'function')
    throw new AddonError('the package uWebSockets.js is not uWebSockets.js');
  return module as Uws;
}

function diagnose(why: string): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  if (process.platform === 'linux' && glibc === undefined)
    return 'uWebSockets.js needs glibc; this system has another C library';
  return `uWebSockets.js cannot be loaded: ${why}`;
}

const userId = (): number => process.getuid?.() ?? -1;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const originOf = (file: string, content: Buffer, rebound: boolean): AddonOrigin =>
  Object.freeze({ file, sha256: sha256(content), rebound });
/** The package puts its own words before the loader's, which are the last line. */
const lastLine = (error: unknown): string =>
  String(error)
    .trim()
    .split('\n')
    .at(-1)!
    .replace(/^Error: /, '');
