/** AdamW on entries that a method chose beforehand. */
import { InputError } from '../errors.js';
import type { Network, Weight } from '../nn/index.js';
import { AdamW, type AdamWOptions } from './adamw.js';
import type { MethodName } from './method-names.js';

export interface ChosenEntriesOptions extends AdamWOptions {
  /** How many entries train. */
  targetParameters?: number | undefined;
}

const NONE = new Int32Array(0);

export class ChosenEntries extends AdamW {
  /** `positions` holds ascending flat positions by checkpoint key. */
  constructor(
    private readonly chosenBy: MethodName,
    network: Network,
    options: AdamWOptions,
    positions: ReadonlyMap<string, Int32Array>,
  ) {
    super(network, options, (_, key) => positions.get(key) ?? NONE);
  }

  protected override get method(): MethodName {
    return this.chosenBy;
  }
}

/** The weights of which a method chooses entries, by checkpoint key. */
export function candidates(network: Network, { parameters = () => true }: AdamWOptions): [string, Weight][] {
  return [...network.parameters].filter(([key]) => parameters(key, network.name));
}

/** How many entries are to train. Throws InputError where that was not said. */
export function expectedCount({ targetParameters }: ChosenEntriesOptions, method: MethodName): number {
  if (targetParameters !== undefined) return targetParameters;
  throw new InputError(`method "${method}" needs the number of entries to train; give --params, such as 5M`);
}
