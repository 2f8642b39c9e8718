/**
 * The addon is built on a system with glibc 2.38, although it uses nothing new: its compiler bound a few old
 * functions to their C23 twins. This file undoes that in a copy, so that the addon loads on glibc 2.36.
 */

const NEEDED = 'GLIBC_2.38';
const GIVEN = 'GLIBC_2.2.5';
const PREFIX = '__isoc23_';
/** The twins differ from the plain functions only in that they also read `0b` numerals. */
const TWINS = new Set(['strtol', 'strtoul', 'strtoull', 'sscanf'].map((name) => PREFIX + name));

/**
 * A copy of a shared library that no longer needs glibc 2.38: every import `__isoc23_NAME` becomes the plain
 * `NAME` (its name offset moves past the prefix, to the tail of the same string), and the version entry that
 * they point to asks for glibc 2.2.5. Pure: equal input gives equal output; the input is not changed.
 *
 * Throws an `Error` when the file is not ELF64 little-endian x86-64, is cut or damaged, does not need glibc
 * 2.38, or needs it for anything else: half a rebind would crash at run time instead of failing here.
 */
export function rebindGlibc(file: Buffer): Buffer {
  const elf = new ElfImage(file);
  const versions = elf.neededVersions();
  const stale = versions.filter((version) => version.name === NEEDED);
  if (stale.length === 0) throw new Error(`the file does not need ${NEEDED}`);
  const given = versions.find((version) => version.library === 'libc.so.6' && version.name === GIVEN);
  if (given === undefined) throw new Error(`the file has no ${GIVEN} entry to point to`);
  const indexes = new Set(stale.map((version) => version.index));
  const imports = elf.importedSymbols().filter((symbol) => indexes.has(symbol.version));
  if (imports.length === 0) throw new Error(`no symbol of the file is bound to ${NEEDED}`);

  const copy = Buffer.from(file);
  for (const { at, name, nameOffset } of imports) {
    if (!TWINS.has(name)) throw new Error(`${name} needs ${NEEDED} and has no older twin`);
    copy.writeUInt32LE(nameOffset + PREFIX.length, at + SYMBOL_NAME);
  }
  for (const { at, library } of stale) {
    if (library !== given.library) throw new Error(`${library} needs ${NEEDED}`);
    // A second entry for the same version is fine: the loader looks up each entry on its own.
    copy.writeUInt32LE(given.hash, at + VERSION_HASH);
    copy.writeUInt32LE(given.nameOffset, at + VERSION_NAME);
  }
  return copy;
}

/** One symbol version that the file asks of a library (Elf64_Vernaux); `at` is its place in the file. */
interface NeededVersion {
  readonly at: number;
  readonly library: string;
  readonly name: string;
  readonly nameOffset: number;
  readonly hash: number;
  /** The number by which symbols refer to this entry. */
  readonly index: number;
}

/** One symbol that the file expects of a library (Elf64_Sym without a section); `at` is its place in the file. */
interface ImportedSymbol {
  readonly at: number;
  readonly name: string;
  readonly nameOffset: number;
  /** `NeededVersion.index`; 0 and 1 = unversioned. */
  readonly version: number;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const DT_GNU_HASH = 0x6ffffef5;
const DT_VERSYM = 0x6ffffff0;
const DT_VERNEED = 0x6ffffffe;
const DT_VERNEEDNUM = 0x6fffffff;
const PROGRAM_HEADER_SIZE = 56;
const DYNAMIC_ENTRY_SIZE = 16;
const SYMBOL_SIZE = 24;
const SYMBOL_NAME = 0;
const SYMBOL_SECTION = 6;
const VERSION_HASH = 0;
const VERSION_INDEX = 6;
const VERSION_NAME = 8;
const VERSION_NEXT = 12;
/** Smallest distance between two entries of a version chain. */
const ENTRY_SIZE = 16;

/**
 * An ELF64 x86-64 library as the loader sees it: by program headers and the dynamic table, never by section
 * headers (System V ABI chapter 5, and the GNU version tables). Every read is inside the file or throws.
 */
class ElfImage {
  readonly #file: Buffer;
  readonly #segments: readonly Segment[];
  readonly #dynamic: ReadonlyMap<number, number>;

  constructor(file: Buffer) {
    this.#file = file;
    if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01')
      throw new Error('not an ELF64 little-endian file');
    if (this.#u16(18) !== EM_X86_64) throw new Error('not a file for x86-64');
    if (this.#u16(54) !== PROGRAM_HEADER_SIZE) throw damaged('program headers');
    // Linkers write the section headers last: a file that lacks their end was not copied whole.
    this.#mustHold(this.#u64(40) + this.#u16(58) * this.#u16(60));
    this.#segments = this.#readSegments();
    this.#dynamic = this.#readDynamic();
  }

  neededVersions(): NeededVersion[] {
    const found: NeededVersion[] = [];
    let at = this.#table(DT_VERNEED, 'needed versions');
    for (let libraries = this.#dynamic.get(DT_VERNEEDNUM) ?? 0; libraries > 0; libraries--) {
      const library = this.#string(this.#u32(at + 4));
      let entry = at + this.#u32(at + 8);
      for (let left = this.#u16(at + 2); left > 0; left--) {
        const hash = this.#u32(entry + VERSION_HASH);
        const index = this.#u16(entry + VERSION_INDEX);
        const nameOffset = this.#u32(entry + VERSION_NAME);
        found.push({ at: entry, library, name: this.#string(nameOffset), nameOffset, hash, index });
        entry = this.#follow(entry, left);
      }
      at = this.#follow(at, libraries);
    }
    return found;
  }

  /** The GNU hash table lists defined symbols only, and they stand behind all others: it tells where to stop. */
  importedSymbols(): ImportedSymbol[] {
    const found: ImportedSymbol[] = [];
    const symbols = this.#table(DT_SYMTAB, 'symbols');
    const versions = this.#table(DT_VERSYM, 'symbol versions');
    const firstDefined = this.#u32(this.#table(DT_GNU_HASH, 'symbol hashes') + 4);
    for (let i = 1; i < firstDefined; i++) {
      const at = symbols + i * SYMBOL_SIZE;
      if (this.#u16(at + SYMBOL_SECTION) !== 0) continue;
      const nameOffset = this.#u32(at + SYMBOL_NAME);
      // The top bit says "hidden" and is no part of the number.
      const version = this.#u16(versions + i * 2) & 0x7fff;
      found.push({ at, name: this.#string(nameOffset), nameOffset, version });
    }
    return found;
  }

  #readSegments(): Segment[] {
    const start = this.#u64(32);
    return Array.from({ length: this.#u16(56) }, (_, i) => {
      const at = start + i * PROGRAM_HEADER_SIZE;
      const [type, offset] = [this.#u32(at), this.#u64(at + 8)];
      return { type, offset, address: this.#u64(at + 16), size: this.#u64(at + 32) };
    });
  }

  #readDynamic(): Map<number, number> {
    const segment = this.#segments.find(({ type }) => type === PT_DYNAMIC);
    if (segment === undefined) throw new Error('not a dynamic library');
    const entries = new Map<number, number>();
    for (let at = segment.offset; at < segment.offset + segment.size; at += DYNAMIC_ENTRY_SIZE) {
      const tag = this.#u64(at);
      if (tag === 0) break;
      entries.set(tag, this.#u64(at + 8));
    }
    return entries;
  }

  /** Where in the file the table lies to which a dynamic entry points by address. */
  #table(tag: number, what: string): number {
    const address = this.#dynamic.get(tag);
    if (address === undefined) throw new Error(`the file has no table of ${what}`);
    const home = this.#segments.find(
      (each) => each.type === PT_LOAD && address >= each.address && address - each.address < each.size,
    );
    if (home === undefined) throw damaged(what);
    return home.offset + (address - home.address);
  }

  #string(offset: number): string {
    const start = this.#table(DT_STRTAB, 'strings');
    const end = this.#file.indexOf(0, start + offset);
    if (end < 0 || end >= start + (this.#dynamic.get(DT_STRSZ) ?? 0)) throw damaged('strings');
    return this.#file.toString('latin1', start + offset, end);
  }

  /** The next entry of a chain in which `left` entries remain, this one included. */
  #follow(entry: number, left: number): number {
    const distance = this.#u32(entry + VERSION_NEXT);
    if (distance < ENTRY_SIZE && left > 1) throw damaged('needed versions');
    return entry + distance;
  }

  #u16(at: number): number {
    this.#mustHold(at + 2);
    return this.#file.readUInt16LE(at);
  }

  #u32(at: number): number {
    this.#mustHold(at + 4);
    return this.#file.readUInt32LE(at);
  }

  #u64(at: number): number {
    this.#mustHold(at + 8);
    const value = this.#file.readBigUInt64LE(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('an address is beyond 2^53');
    return Number(value);
  }

  #mustHold(end: number): void {
    if (end > this.#file.length) throw new Error('the file is cut short');
  }
}

const damaged = (what: string): Error => new Error(`the file is damaged: ${what}`);
