/**
 * The cache that all programs for the Hugging Face Hub share: blobs by their hash, a folder of links for each commit,
 * and the commit that a branch was at. https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
import { copyFile, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { exists, fileError, writeFileAtomic } from '../files.js';

/** Where the cache is: HF_HUB_CACHE, or `hub` in HF_HOME, or in ~/.cache/huggingface. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const folder = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub');
  return folder.replace(/^~(?=$|[\\/])/, homedir());
}

/** The part of the cache that belongs to one model. */
export class RepositoryCache {
  private readonly folder: string;

  /** `name` is the model's, such as `owner/model`. */
  constructor(name: string, cacheFolder = hubCacheFolder()) {
    this.folder = join(cacheFolder, `models--${name.replaceAll('/', '--')}`);
  }

  /** The folder in which the files of a commit are, under their own names. */
  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** Where the content with this hash is. */
  blob(hash: string): string {
    return join(this.folder, 'blobs', hash);
  }

  /** The commit that a branch or tag was at when it was last asked for; undefined where it never was. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (await exists(this.snapshot(revision))) return revision;
    try {
      return (await readFile(this.ref(revision), 'utf8')).trim();
    } catch {
      return undefined;
    }
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision !== commit) await writeFileAtomic(this.ref(revision), commit);
  }

  /** Gives the content with this hash its name in a commit: a link, or a copy where the system has no links. */
  async link(hash: string, commit: string, path: string): Promise<void> {
    const name = join(this.snapshot(commit), path);
    try {
      await mkdir(dirname(name), { recursive: true });
      await rm(name, { force: true });
      try {
        await symlink(relative(dirname(name), this.blob(hash)), name);
      } catch {
        await copyFile(this.blob(hash), name);
      }
    } catch (error) {
      throw fileError('write', name, error);
    }
  }

  private ref(revision: string): string {
    return join(this.folder, 'refs', revision);
  }
}
