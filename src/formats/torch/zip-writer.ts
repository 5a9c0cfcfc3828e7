/** Writes zip archives with uncompressed, aligned entries, as torch.save does. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
import { crc32 } from '../crc32.js';

/** torch's alignment, so that storages can be mapped into memory. */
const ALIGNMENT = 64;
/** Sizes and offsets from here on are written into a zip64 field. */
const LIMIT = 0xffffffff;
const VERSION = 20;
const VERSION_ZIP64 = 45;
const ZIP64_ID = 1;
/** The id that torch gives to its padding. */
const PADDING_ID = 0x4246;
/** 1980-01-01: the same content gives the same bytes. */
const DATE = 0x21;

interface Listed {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** The bytes of an archive, entry by entry; each entry's content is asked for when its turn comes. */
export async function* zipChunks(
  entries: Iterable<readonly [name: string, load: () => Uint8Array | Promise<Uint8Array>]>,
): AsyncGenerator<Uint8Array> {
  const listed: Listed[] = [];
  let at = 0;
  for (const [name, load] of entries) {
    const content = await load();
    const entry = { name: Buffer.from(name), crc: crc32(content), size: content.length, offset: at };
    const header = localHeader(entry);
    listed.push(entry);
    at += header.length + content.length;
    yield header;
    yield content;
  }
  const directory = Buffer.concat(listed.map(directoryEntry));
  yield directory;
  yield endRecords(listed.length, directory.length, at);
}

function localHeader({ name, crc, size, offset }: Listed): Buffer {
  const large = size >= LIMIT;
  const zip64 = large ? field(ZIP64_ID, [size, size]) : Buffer.alloc(0);
  const unpadded = offset + 30 + name.length + zip64.length + 4;
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT));
  padding.writeUInt16LE(PADDING_ID, 0);
  padding.writeUInt16LE(padding.length - 4, 2);
  const extra = Buffer.concat([zip64, padding]);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(large ? VERSION_ZIP64 : VERSION, 4);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(large ? LIMIT : size, 18);
  header.writeUInt32LE(large ? LIMIT : size, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function directoryEntry({ name, crc, size, offset }: Listed): Buffer {
  const wide = [...(size >= LIMIT ? [size, size] : []), ...(offset >= LIMIT ? [offset] : [])];
  const extra = wide.length > 0 ? field(ZIP64_ID, wide) : Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(wide.length > 0 ? VERSION_ZIP64 : VERSION, 4);
  header.writeUInt16LE(wide.length > 0 ? VERSION_ZIP64 : VERSION, 6);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(Math.min(LIMIT, size), 20);
  header.writeUInt32LE(Math.min(LIMIT, size), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(Math.min(LIMIT, offset), 42);
  return Buffer.concat([header, name, extra]);
}

/** An extra field of 8-byte numbers. */
function field(id: number, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * values.length);
  bytes.writeUInt16LE(id, 0);
  bytes.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => {
    bytes.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  });
  return bytes;
}

/** The zip64 end record with its locator, and the plain one, as torch writes always. */
function endRecords(count: number, size: number, offset: number): Buffer {
  const zip64 = Buffer.alloc(56);
  zip64.writeUInt32LE(0x06064b50, 0);
  zip64.writeBigUInt64LE(44n, 4);
  zip64.writeUInt16LE(VERSION_ZIP64, 12);
  zip64.writeUInt16LE(VERSION_ZIP64, 14);
  zip64.writeBigUInt64LE(BigInt(count), 24);
  zip64.writeBigUInt64LE(BigInt(count), 32);
  zip64.writeBigUInt64LE(BigInt(size), 40);
  zip64.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(0xffff, count), 8);
  end.writeUInt16LE(Math.min(0xffff, count), 10);
  end.writeUInt32LE(Math.min(LIMIT, size), 12);
  end.writeUInt32LE(Math.min(LIMIT, offset), 16);
  return Buffer.concat([zip64, locator, end]);
}
