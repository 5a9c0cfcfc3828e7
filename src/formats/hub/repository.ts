/** One model on the Hugging Face Hub: its files at one commit, fetched into the shared cache when asked for. */
import { InputError } from '../../errors.js';
import { exists } from '../files.js';
import { RepositoryCache } from './cache.js';
import { ConnectionError, download } from './download.js';

interface HubFile {
  readonly size: number;
  /** Its name among the blobs of the cache. */
  readonly hash: string;
  /** Of large files, whose content is checked against it. */
  readonly sha256?: string | undefined;
}

export interface HubOptions {
  /** Branch, tag or commit; `main` unless given. */
  readonly revision?: string | undefined;
}

/** The address of the Hub: HF_ENDPOINT, or the public one. */
function endpoint(): string {
  return (process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '');
}

/** A model at one commit; made by `openHubRepository`. */
export class HubRepository {
  constructor(
    readonly name: string,
    private readonly commit: string,
    private readonly cache: RepositoryCache,
    private readonly files: ReadonlyMap<string, HubFile>,
  ) {}

  /** The paths of all files. */
  get paths(): string[] {
    return [...this.files.keys()];
  }

  /** The folder in which fetched files are under their own names. */
  get folder(): string {
    return this.cache.snapshot(this.commit);
  }

  /** Bytes of these files together. */
  sizeOf(paths: readonly string[]): number {
    return paths.reduce((sum, path) => sum + this.files.get(path)!.size, 0);
  }

  /**
   * Fetches these files, each unless it is in the cache; `onProgress` gets the bytes of them that are there while more come. Throws
   * InputError where the network, the Hub or the disk does not let it.
   */
  async fetch(paths: readonly string[], onProgress: (done: number) => void = () => {}): Promise<void> {
    let before = 0;
    for (const path of paths) {
      const { size, hash, sha256 } = this.files.get(path)!;
      const blob = this.cache.blob(hash);
      if (!(await exists(blob))) {
        const url = `${endpoint()}/${this.name}/resolve/${this.commit}/${encodeURI(path)}`;
        const report = (done: number) => onProgress(before + done);
        const wanted = { url, path: blob, size, sha256, headers: authorization(), onProgress: report };
        await download(wanted).catch((error) => {
          if (!(error instanceof ConnectionError)) throw error;
          throw new InputError(
            `the connection to ${endpoint()} broke at ${path} (${error.message}); run the command again to go on from there`,
            { cause: error },
          );
        });
      }
      await this.cache.link(hash, this.commit, path);
      before += size;
    }
  }
}

/** A token that the user has put into HF_TOKEN, for models that ask for one. */
function authorization(): Record<string, string> {
  const { HF_TOKEN } = process.env;
  return HF_TOKEN ? { Authorization: `Bearer ${HF_TOKEN}` } : {};
}

/**
 * Asks the Hub for a model's list of files; without a connection (or with HF_HUB_OFFLINE=1), the folder of the cache in
 * which an earlier download put them. Throws InputError where there is no such model, or no connection and no download.
 */
export async function openHubRepository(
  name: string,
  { revision = 'main' }: HubOptions = {},
): Promise<HubRepository | { readonly folder: string }> {
  const cache = new RepositoryCache(name);
  if (/^(1|ON|YES|TRUE)$/i.test(process.env.HF_HUB_OFFLINE ?? '')) {
    return fromCache(cache, name, revision, 'HF_HUB_OFFLINE is set');
  }
  // Loaded only by those who ask for a model of the Hub.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const access = { hubUrl: endpoint(), ...(process.env.HF_TOKEN && { accessToken: process.env.HF_TOKEN }) };
  try {
    const { sha } = await modelInfo({ name, revision, additionalFields: ['sha'], ...access });
    const files = new Map<string, HubFile>();
    for await (const entry of listFiles({ repo: name, revision: sha, recursive: true, ...access })) {
      if (entry.type !== 'file') continue;
      const hash = entry.lfs?.oid ?? entry.oid;
      if (hash !== undefined && !entry.path.split(/[\\/]/).includes('..')) {
        files.set(entry.path, { size: entry.size, hash, sha256: entry.lfs?.oid });
      }
    }
    await cache.setCommit(revision, sha);
    return new HubRepository(name, sha, cache, files);
  } catch (error) {
    if (error instanceof HubApiError) throw refusal(error.statusCode, name, revision);
    const { cause, message } = error as { cause?: { code?: string }; message?: string };
    if (message !== 'fetch failed') throw error;
    return fromCache(cache, name, revision, `${endpoint()} cannot be reached (${cause?.code ?? message})`);
  }
}

async function fromCache(
  cache: RepositoryCache,
  name: string,
  revision: string,
  why: string,
): Promise<{ folder: string }> {
  const commit = await cache.commitOf(revision);
  if (commit !== undefined && (await exists(cache.snapshot(commit))))
    return { folder: cache.snapshot(commit) };
  throw new InputError(
    `${why}, and ${name} was not downloaded before; connect to the network, or name a model that is on this disk`,
  );
}

function refusal(status: number, name: string, revision: string): InputError {
  const page = `${endpoint()}/${name}`;
  if (status === 404) {
    return new InputError(`there is no model ${page} with the revision ${revision}; check the name`);
  }
  if (status === 401 || status === 403) {
    return new InputError(
      `there is no model ${page} that is open to everybody; check the name, or accept its terms there and set HF_TOKEN to a token of yours`,
    );
  }
  return new InputError(`${endpoint()} answers ${status} for ${name}; try again later`);
}
