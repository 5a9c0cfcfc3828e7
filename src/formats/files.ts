/** Files on disk: atomic writes, JSON, folders and hashes, with a user's mistakes told as InputErrors. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { z } from 'zod';
import { InputError } from '../errors.js';

const CAUSES: Record<string, string> = {
  EACCES: 'permission is denied, so change its permissions or choose another place',
  EDQUOT: 'the disk quota is used up, so free some space or choose another place',
  EEXIST: 'a file of this name is in the way, so remove it or choose another name',
  EFBIG: 'it is larger than the file system allows, so choose another place',
  EIO: 'the device reports an error, so check the disk',
  EISDIR: 'it is a folder and a file was expected, so name the file',
  ELOOP: 'its links lead in a circle, so name the file itself',
  EMFILE: 'too many files are open, so raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long, so choose a shorter one',
  ENOENT: 'it does not exist, so check the path',
  ENOSPC: 'no space is left on the device, so free some or choose another place',
  ENOTDIR: 'a part of the path is a file and not a folder, so check the path',
  ENOTEMPTY: 'a folder of this name is in the way, so remove it or choose another name',
  EPERM: 'the operation is not permitted, so change its permissions or choose another place',
  EROFS: 'the file system is read-only, so choose another place',
};

/**
 * An operating system's refusal told as an InputError that names the file and the cause.
 * Anything that is no such refusal is given back as it is.
 */
export function fileError(action: 'read' | 'write' | 'create', path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined || syscall === undefined) return error;
  const cause = CAUSES[code] ?? `the system reports ${code}`;
  return new InputError(`cannot ${action} ${path}: ${cause}`, { cause: error });
}

/** `promise`, whose refusal by the operating system becomes an InputError. */
async function refusing<T>(
  action: 'read' | 'write' | 'create',
  path: string,
  promise: Promise<T>,
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw fileError(action, path, error);
  }
}

/** Whether a file or a folder is at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Makes the folder and those above it, where they do not exist. Throws InputError where it cannot. */
export async function ensureFolder(path: string): Promise<void> {
  await refusing('create', path, mkdir(path, { recursive: true }));
}

/** The file's text. Throws InputError where it cannot be read. */
export async function readText(path: string): Promise<string> {
  return refusing('read', path, readFile(path, 'utf8'));
}

/**
 * The value a JSON file holds, checked against a zod schema if one is given.
 * Throws InputError where the file is missing, is not JSON or does not follow the schema.
 */
export async function readJson(path: string): Promise<unknown>;
export async function readJson<T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T>>;
export async function readJson(path: string, schema?: z.ZodType): Promise<unknown> {
  const text = await readText(path);
  return schema === undefined ? parseJson(text, path) : parseJson(text, path, schema);
}

/** The value of JSON text, checked against a zod schema if one is given; `place` is what an InputError calls it. */
export function parseJson(text: string, place: string): unknown;
export function parseJson<T extends z.ZodType>(text: string, place: string, schema: T): z.infer<T>;
export function parseJson(text: string, place: string, schema?: z.ZodType): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new InputError(`expected JSON in ${place}, but ${(error as Error).message}`, { cause: error });
  }
  if (schema === undefined) return value;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const key = issue.path.length > 0 ? `"${issue.path.join('.')}" in ${place}` : place;
  throw new InputError(`cannot use ${key}: ${issue.message}`);
}

/** What a file can be written from: one piece, or pieces made while it is written. */
export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** One system call writes at most 2 GiB; smaller pieces also let others in between. */
const WRITE_PIECE = 64 * 2 ** 20;

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(WRITE_PIECE, bytes.length - done));
    done += bytesWritten;
  }
}

let temporaryFiles = 0;

/**
 * Writes a file, and the folder it belongs in, so that at every moment either the old content or the whole new one
 * is at `path`: a temporary file in the same folder is written, flushed to disk and renamed. If anything fails,
 * including `data` itself, the temporary file is removed and the old file stays. Throws InputError where the
 * operating system refuses.
 */
export async function writeFileAtomic(path: string, data: FileData): Promise<void> {
  const folder = dirname(path);
  await ensureFolder(folder);
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${temporaryFiles++}.tmp`);
  const handle = await refusing('write', path, open(temporary, 'wx'));
  try {
    try {
      const chunks =
        typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
      for await (const chunk of chunks) await refusing('write', path, writeFully(handle, chunk));
      await refusing('write', path, handle.sync());
    } finally {
      await refusing('write', path, handle.close());
    }
    await refusing('write', path, rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The SHA-256 of a file as 64 hexadecimal digits. Throws InputError where it cannot be read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  } catch (error) {
    throw fileError('read', path, error);
  }
  return hash.digest('hex');
}
