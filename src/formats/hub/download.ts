/** Downloading one file so that a broken download goes on where it stopped. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
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

/** How often a download that gets further each time may break. */
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
      if (!(error instanceof ConnectionError)) throw error;
      if (attempt === ATTEMPTS || (await sizeOf(incomplete)) === before) throw error;
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
  let done = await sizeOf(incomplete);
  if (done > file.size) {
    await rm(incomplete);
    done = 0;
  }
  const hash = createHash('sha256');
  if (done > 0) await hashFile(hash, incomplete);
  if (done < file.size || file.size === 0) await fetchRest(file, incomplete, done, hash);
  if (file.sha256 !== undefined && hash.digest('hex') !== file.sha256) {
    await rm(incomplete, { force: true });
    throw new InputError(`${file.url} arrived damaged and was removed; run the command again`);
  }
}

async function hashFile(hash: Hash, path: string): Promise<void> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function fetchRest(file: Download, incomplete: string, from: number, hash: Hash): Promise<void> {
  const headers = { ...file.headers, ...(from > 0 && { Range: `bytes=${from}-` }) };
  const response = await connecting(fetch(file.url, { headers }));
  if (!response.ok) {
    await response.body?.cancel();
    throw new InputError(`${file.url} answers ${response.status} ${response.statusText}; try again later`);
  }
  if (from > 0 && response.status !== 206) {
    await response.body?.cancel();
    await rm(incomplete);
    throw new ConnectionError('the server starts anew');
  }
  const handle = await open(incomplete, 'a').catch((error) => {
    throw fileError('write', incomplete, error);
  });
  let done = from;
  try {
    const reader = response.body!.getReader();
    for (;;) {
      const { value } = await connecting(reader.read());
      if (value === undefined) break;
      await handle.write(value).catch((error) => {
        throw fileError('write', incomplete, error);
      });
      hash.update(value);
      done += value.length;
      file.onProgress(done);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (done < file.size) throw new ConnectionError('the connection ended too early');
  if (done > file.size) {
    await rm(incomplete);
    throw new InputError(`${file.url} is longer than the list of files says; try again later`);
  }
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
