/** Models named as on the Hugging Face Hub: hub:owner/model, downloaded into the cache that all programs share. */
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { HubRepository, openHubRepository, TOKENIZER_FILE_NAMES } from '../formats/index.js';
import { NETWORK_KINDS } from './model-files.js';
import { shardsOf, weightNamings } from './weights.js';

/** What `hub:owner/model/file.safetensors@revision:variant` says; only owner and model must be there. */
export interface HubName {
  readonly repository: string;
  readonly file: string | undefined;
  readonly revision: string | undefined;
  /** Such as fp16. */
  readonly variant: string | undefined;
}

const PREFIX = 'hub:';
const NAME =
  /^(?<repository>[\w.-]+\/[\w.-]+)(?:\/(?<file>[^@:]+))?(?:@(?<revision>[^:]+))?(?::(?<variant>\w+))?$/;

/** undefined for what is no such name but a path. Throws InputError where it begins like one and is none. */
export function parseHubName(text: string): HubName | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const groups = NAME.exec(text.slice(PREFIX.length))?.groups;
  if (groups) return groups as unknown as HubName;
  throw new InputError(
    `expected hub:owner/model, with /file, @revision or :fp16 after it if need be, got ${text}; check the name`,
  );
}

export interface DownloadEvent {
  /** Bytes that are there, and of all files together. */
  readonly done: number;
  readonly total: number;
}

/**
 * Where the model is in the cache after what it needs and is not there was downloaded. Throws InputError where there is
 * no such model, nothing in it that can be read, or no connection.
 */
export async function downloadModel(
  { repository, file, revision, variant }: HubName,
  onDownload: (event: DownloadEvent) => void = () => {},
): Promise<string> {
  const hub = await openHubRepository(repository, { revision });
  const path = (folder: string, own: string | undefined) => (own === undefined ? folder : join(folder, own));
  if (!(hub instanceof HubRepository)) return path(hub.folder, file);
  if (file !== undefined && !hub.paths.includes(file)) {
    throw new InputError(`${repository} has no ${file}; it has ${listed(hub.paths.filter(isWeights))}`);
  }
  const whole =
    file ?? (hub.paths.includes(INDEX) || hub.paths.includes('config.json') ? undefined : only(hub));
  const files = whole === undefined ? await needed(hub, variant) : [whole];
  const total = hub.sizeOf(files);
  await hub.fetch(files, (done) => onDownload({ done, total }));
  return path(hub.folder, whole);
}

/** Fetched last, so that a folder that has it is complete. */
const INDEX = 'model_index.json';

const isWeights = (path: string): boolean => /\.(safetensors|ckpt)$/.test(path);

/** The one single file of a repository without a folder's files. */
function only(hub: HubRepository): string {
  const files = hub.paths.filter((path) => isWeights(path) && !path.includes('/'));
  if (files.length === 1) return files[0]!;
  const { name } = hub;
  throw new InputError(
    files.length === 0
      ? `${name} has neither ${INDEX} nor a .safetensors file; take a Stable Diffusion model`
      : `${name} has several models: ${listed(files)}; name one, such as hub:${name}/${files[0]}`,
  );
}

function listed(files: readonly string[]): string {
  return files.length === 0 ? 'no weights' : files.slice(0, 8).join(', ');
}

/** Files of a diffusers folder, or of a single network's, in the order in which they are fetched. */
async function needed(hub: HubRepository, variant: string | undefined): Promise<string[]> {
  const has = (path: string) => hub.paths.includes(path);
  if (!has(INDEX)) return ['config.json', ...(await weightsIn(hub, '', 'diffusion_pytorch_model', variant))];
  const files: string[] = ['scheduler/scheduler_config.json'];
  for (const tokenizer of ['tokenizer', 'tokenizer_2']) {
    files.push(...TOKENIZER_FILE_NAMES.map((name) => `${tokenizer}/${name}`));
  }
  for (const [network, { weights }] of Object.entries(NETWORK_KINDS)) {
    if (!has(`${network}/config.json`)) continue;
    files.push(`${network}/config.json`, ...(await weightsIn(hub, `${network}/`, weights, variant)));
  }
  return [...files, INDEX].filter(has);
}

async function weightsIn(
  hub: HubRepository,
  folder: string,
  name: string,
  variant: string | undefined,
): Promise<string[]> {
  for (const { file, index } of weightNamings(name, variant)) {
    if (hub.paths.includes(folder + file)) return [folder + file];
    if (!hub.paths.includes(folder + index)) continue;
    await hub.fetch([folder + index]);
    const shards = await shardsOf(join(hub.folder, folder + index));
    return [folder + index, ...shards.map((shard) => folder + shard)];
  }
  throw new InputError(`${hub.name} has no weights ${folder}${name}.safetensors; take another model`);
}
