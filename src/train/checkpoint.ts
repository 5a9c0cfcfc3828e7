/** What a checkpoint holds: the optimizer's state, and of a moving average the entries that train. */
import { InputError } from '../errors.js';
import { gather, type Optimizer } from '../peft/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import type { MovingAverage } from './ema.js';
import type { Checkpoint } from './run-folder.js';

/** Tensors by name; the arrays are the optimizer's own where they can be. */
export function checkpointTensors(optimizer: Optimizer, average?: MovingAverage): Map<string, Tensor> {
  const tensors = new Map(optimizer.state().tensors);
  if (!average) return tensors;
  for (const { name, selected } of optimizer.tensors) {
    const { data } = average.averages.get(name)!;
    const values = selected ? gather(data, selected) : data;
    tensors.set(`average.${name}`, tensor([values.length], values));
  }
  return tensors;
}

/** Throws InputError where the checkpoint is of something else than what is expected: another base model, other pictures. */
export function expectOrigin(
  { path, metadata }: Pick<Checkpoint, 'path' | 'metadata'>,
  expected: Readonly<Record<string, string>>,
): void {
  for (const [what, value] of Object.entries(expected)) {
    if (metadata[what] !== value) {
      throw new InputError(
        `${path} was made with another ${what}, which changed since; restore it, or start anew with --overwrite`,
      );
    }
  }
}

/**
 * Goes back to a checkpoint; weights that do not train are those of the base model already. Throws InputError where the
 * checkpoint is of another base model or other pictures.
 */
export function restoreCheckpoint(
  checkpoint: Checkpoint,
  expected: Readonly<Record<string, string>>,
  optimizer: Optimizer,
  average?: MovingAverage,
): void {
  const { step, tensors } = checkpoint;
  expectOrigin(checkpoint, expected);
  optimizer.restore({ step, tensors });
  if (!average) return;
  average.updates = Math.max(0, step - optimizer.searchSteps);
  for (const { name, selected } of optimizer.tensors) {
    const { data } = average.averages.get(name)!;
    const values = tensors.get(`average.${name}`)!.data as Float32Array;
    for (let i = 0; i < values.length; i++) data[selected ? selected[i]! : i] = values[i]!;
  }
}
