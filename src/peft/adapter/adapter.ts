/** What an adapter is: the changes that fine-tuning made to one network, apart from the network. */
import type { Tensor } from '../../tensor/index.js';
import type { MethodName } from '../method-names.js';

export interface AdapterBase {
  /** The component that it changes, such as `unet`. */
  readonly network: string;
  /** The model's name or folder, for messages alone. */
  readonly model: string;
  /** `sha256:…` over keys, shapes and values of the component's weights. */
  readonly fingerprint: string;
}

export interface Adapter {
  readonly method: MethodName;
  readonly base: AdapterBase;
  /** θ, where entries of weights below it are the changed ones. */
  readonly threshold?: number | undefined;
  /** The factor on all stored changes. */
  readonly scale: number;
  /** What stood before every caption in training. */
  readonly prefix: string;
  /** How it was trained; free to read, never interpreted. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** As in the file; docs/adapter-format.md tells their names. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The file it was read from. */
  readonly path?: string | undefined;
}

/** What the caller says about an adapter that an optimizer makes. */
export interface AdapterInfo {
  /** Name or folder of the base model, for messages. */
  model?: string;
  prefix?: string;
  settings?: Readonly<Record<string, unknown>>;
  /** float16 unless said: 2 bytes an entry, rounded to 11 bits. */
  dtype?: AdapterDType;
}

export type AdapterDType = 'float16' | 'float32';

/** How messages name an adapter. */
export function nameOf({ path, method }: Adapter): string {
  return path ?? `the ${method} adapter`;
}
