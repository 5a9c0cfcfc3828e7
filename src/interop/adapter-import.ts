/** Adapters of whichever program: this one's files, LoRA and DoRA, and trained values of the official SaRA. */
import { InputError } from '../errors.js';
import type { UNetConfig } from '../models/index.js';
import type { Network } from '../nn/index.js';
import { type Adapter, type AdapterInfo, importOfficialSara, loadAdapter } from '../peft/index.js';
import { checkFile } from './check.js';
import { holdsLora, importLora } from './lora-import.js';

/** For whoever names something else. */
const READ =
  'adapters are files of "sara train", LoRA and DoRA files, PEFT folders, and trained values of the official SaRA';

export interface ReadAdapter {
  readonly adapter: Adapter;
  /** Tensors of text encoders, which the adapter lacks. */
  readonly leftOut: readonly string[];
}

/** The model that an adapter is read for. */
export interface AdapterTarget {
  /** Its folder or file, for messages. */
  readonly model: string;
  /** Its UNet with the base weights; asked for by files of other programs, which do not say what they belong to. */
  unet(): Promise<Network<UNetConfig>>;
}

/**
 * The adapter that a file or a PEFT folder holds. Throws InputError where it is broken, of a kind that is not read, or does
 * not fit the UNet.
 */
export async function readAdapter(path: string, { model, unet }: AdapterTarget): Promise<ReadAdapter> {
  const info = { model, dtype: 'float32' } as const;
  if (await holdsLora(path)) {
    const { adapter, leftOut } = await importLora(path, await unet(), info);
    return { adapter: { ...adapter, path }, leftOut };
  }
  const { kind, description, problem, applications } = await checkFile(path);
  switch (kind) {
    case 'unreadable':
      throw new InputError(`${problem}; ${READ}`);
    case 'sara-adapter':
      return { adapter: await loadAdapter(path), leftOut: [] };
    case 'official-sara': {
      const adapter = await importOfficialSara(path, await unet(), info);
      return { adapter: { ...adapter, path }, leftOut: [] };
    }
    default: {
      const { why } = applications.find(({ application }) => application === 'sara-diffusion')!;
      throw new InputError(`${path} is ${description}, which cannot be applied as an adapter: ${why}`);
    }
  }
}

/** An adapter of another program's file. Throws InputError where it is broken, something else, or does not fit the UNet. */
export async function importAdapter(
  path: string,
  unet: Network<UNetConfig>,
  info: AdapterInfo,
): Promise<ReadAdapter> {
  if (await holdsLora(path)) return importLora(path, unet, info);
  if ((await checkFile(path)).kind === 'sara-adapter')
    throw new InputError(`${path} is an adapter of this program already; name it with --adapter`);
  return { adapter: await importOfficialSara(path, unet, info), leftOut: [] };
}
