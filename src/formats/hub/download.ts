/** Downloading one file so that a broken download goes on where it stopped. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { InputError } from '../../errors.js';
import { fileError } from '../files.js';

export interface Download {
  readonly url: string;
  /** Where the file comes to be; until it is complete its beginning is beside, with `.incomplete` at the end. */
  readonly path: string;
  readonly size: number;
  /** Of the content, as 64 hexadecimal digits, where it is known. */
  readonly sha256?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Gets the number of bytes that are there so far. */
  onProgress(done: number): void;
}

/** The network failed, and not the file system or the server. */
export class ConnectionError extends Error {}

/** How often a file is asked for, in all. */
const ATTEMPTS = 5;

/** Throws ConnectionError where the connection keeps breaking, InputError where the content or the disk is at fault. */
export async function download(file: Download): Promise<void> {
  const incomplete = `${file.path}.incomplete`;
  try {
    await mkdir(dirname(file.path), { recursive: true });
  } catch (error) {
    throw fileError('create', dirname(file.path), error);
  }
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(incomplete);
    try {
      await append(file, incomplete);
      break;
    } catch (error) {
      if (!(error instanceof ConnectionError) || attempt === ATTEMPTS) throw error;
      // A network that gives nothing at all may need a moment.
      if ((await sizeOf(incomplete)) === before) await setTimeout(100 * 2 ** attempt);
    }
  }
  try {
    await rename(incomplete, file.path);
  } catch (error) {
    throw fileError('write', file.path, error);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** Fetches what is missing at the end of the file and checks the whole. */
async function append(file: Download, incomplete: string): Promise<void> {
  const there = await sizeOf(incomplete);
  const kept = there > file.size ? 0 : there;
  const hash =
    kept === file.size && kept > 0
      ? await hashOf(incomplete)
      : await fetchRest(file, incomplete, kept, kept > 0 ? await hashOf(incomplete) : createHash('sha256'));
  if (file.sha256 !== undefined && hash.digest('hex') !== file.sha256) {
    await rm(incomplete, { force: true });
    throw new InputError(`${file.url} arrived damaged and was removed; run the command again`);
  }
}

async function hashOf(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  } catch (error) {
    throw fileError('read', path, error);
  }
  return hash;
}

/** Writes what follows the first `kept` bytes, whose hash is given, and gives the hash of all; or all, if that is what comes. */
async function fetchRest(file: Download, incomplete: string, kept: number, ofKept: Hash): Promise<Hash> {
  const headers = { ...file.headers, ...(kept > 0 && { Range: `bytes=${kept}-` }) };
  const response = await connecting(fetch(file.url, { headers }));
  if (!response.ok) {
    await response.body?.cancel();
    throw new InputError(`${file.url} answers ${response.status} ${response.statusText}; try again later`);
  }
  const goesOn = kept > 0 && response.status === 206;
  const hash = goesOn ? ofKept : createHash('sha256');
  let done = goesOn ? kept : 0;
  const writing = async <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((error) => {
      throw fileError('write', incomplete, error);
    });
  const handle = await writing(open(incomplete, goesOn ? 'a' : 'w'));
  try {
    const reader = response.body!.getReader();
    for (;;) {
      const { value } = await connecting(reader.read());
      if (value === undefined) break;
      await writing(handle.appendFile(value));
      hash.update(value);
      done += value.length;
      file.onProgress(done);
    }
    await writing(handle.sync());
  } finally {
    await handle.close();
  }
  if (done < file.size) throw new ConnectionError('it ended too early');
  if (done > file.size) {
    await rm(incomplete);
    throw new InputError(`${file.url} is longer than the list of files says; try again later`);
  }
  return hash;
}

/** A promise of the network's, whose failure is a ConnectionError that names its cause. */
async function connecting<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    throw new ConnectionError(cause?.code ?? cause?.message ?? (error as Error).message, { cause: error });
  }
}
