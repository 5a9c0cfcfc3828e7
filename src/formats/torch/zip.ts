/** Zip archives whose entries lie uncompressed in the file, so that each can be read in place, whole or in part. */
import type { FileHandle } from 'node:fs/promises';
import * as yauzl from 'yauzl';
import { InputError } from '../../errors.js';
import { crc32 } from '../crc32.js';
import { quoted } from './quoted.js';

/** One system call reads at most 2 GiB; smaller pieces also let others in between. */
const READ_PIECE = 64 * 2 ** 20;

export interface ZipEntry {
  readonly name: string;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
  readonly crc: number;
}

export class StoredZip {
  private readonly located = new Map<string, ZipEntry>();

  private constructor(
    private readonly handle: FileHandle,
    private readonly zip: yauzl.ZipFile,
    private readonly listed: ReadonlyMap<string, yauzl.Entry>,
  ) {}

  /**
   * Reads the list of entries. The handle stays the caller's, to be closed.
   * Throws InputError, without the file's name, where the file is no whole zip archive or its list is ambiguous.
   */
  static async open(handle: FileHandle): Promise<StoredZip> {
    const listed = new Map<string, yauzl.Entry>();
    const { size } = await handle.stat();
    const options = { autoClose: false, strictFileNames: true };
    const zip = await refusing(yauzl.fromRandomAccessReaderPromise(new Reader(handle, size), size, options));
    const entries = zip.eachEntry()[Symbol.asyncIterator]();
    for (;;) {
      const { done, value: entry } = await refusing(entries.next());
      if (done) return new StoredZip(handle, zip, listed);
      if (listed.has(entry.fileName)) {
        throw new InputError(
          `it has two entries named ${quoted(entry.fileName)}, so readers would disagree about it; get it from a source you trust`,
        );
      }
      listed.set(entry.fileName, entry);
    }
  }

  get names(): Iterable<string> {
    return this.listed.keys();
  }

  has(name: string): boolean {
    return this.listed.has(name);
  }

  /** Where an entry lies. Throws InputError where there is no such entry or it is packed. */
  async locate(name: string): Promise<ZipEntry> {
    const before = this.located.get(name);
    if (before) return before;
    const entry = this.listed.get(name);
    if (!entry) throw new InputError(`its entry ${quoted(name)} is missing, so copy or download it again`);
    if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
      throw new InputError(
        `its entry ${quoted(name)} is compressed or encrypted, which torch.save never does, so save it again`,
      );
    }
    const { fileDataStart } = await refusing(this.zip.readLocalFileHeaderPromise(entry, { minimal: true }));
    const found = { name, offset: fileDataStart, byteLength: entry.uncompressedSize, crc: entry.crc32 };
    this.located.set(name, found);
    return found;
  }

  /** Bytes of an entry from `start` on, as many as `bytes` takes. Throws InputError where the file ends before. */
  async read({ offset, name }: ZipEntry, bytes: Uint8Array, start = 0): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const length = Math.min(READ_PIECE, bytes.length - done);
      const { bytesRead } = await this.handle.read(bytes, done, length, offset + start + done);
      if (bytesRead === 0) {
        throw new InputError(`the file was cut short within its entry ${quoted(name)}, so open it again`);
      }
      done += bytesRead;
    }
  }

  /** A whole entry, with its checksum compared. */
  async readWhole(
    entry: ZipEntry,
    bytes: Uint8Array = new Uint8Array(entry.byteLength),
  ): Promise<Uint8Array> {
    await this.read(entry, bytes);
    checkSum(entry, crc32(bytes));
    return bytes;
  }

  /** Compares an entry's checksum without keeping its bytes. */
  async verify(entry: ZipEntry): Promise<void> {
    const piece = new Uint8Array(Math.min(READ_PIECE, entry.byteLength));
    let sum = 0;
    for (let start = 0; start < entry.byteLength; start += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, entry.byteLength - start));
      await this.read(entry, part, start);
      sum = crc32(part, sum);
    }
    checkSum(entry, sum);
  }
}

/** Reads for the zip library, whose own reader throws where nobody catches it when a file names places beyond 2⁵³. */
class Reader extends yauzl.RandomAccessReader {
  constructor(
    private readonly handle: FileHandle,
    private readonly size: number,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    if (position + length > this.size) {
      callback(new Error('it points past the end of the file'));
      return;
    }
    this.handle
      .read(buffer, offset, length, position)
      .then(
        ({ bytesRead }) => callback(bytesRead === length ? null : new Error('the file was cut short')),
        callback,
      );
  }
}

function checkSum({ name, crc }: ZipEntry, found: number): void {
  if (found === crc) return;
  throw new InputError(
    `the checksum of its entry ${quoted(name)} is wrong, so it is damaged; copy or download it again`,
  );
}

/** A refusal by the zip library told as an InputError; those of the operating system are left as they are. */
async function refusing<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof Error) || 'syscall' in error) throw error;
    const [cause] = error.message.split('. ');
    throw new InputError(
      `its zip directory is cut short or damaged (${quoted(cause!)}), so copy or download it again`,
      { cause: error },
    );
  }
}
