/** What a training step keeps of its forward pass for the backward pass, from the graph of both. */
import { gradients } from '../src/autodiff/index.js';
import { noiseSchedule } from '../src/diffusion/index.js';
import { ancestors, numel, type Value } from '../src/graph/index.js';
import { UNET } from '../src/models/index.js';
import { DiffusionObjective } from '../src/train/diffusion-objective.js';
import { shapeOnlyBatch, shapeOnlyNetwork } from '../src/train/memory/shape-only.js';
import type { Case } from './sizes.js';

const isLeaf = ({ node }: Value): boolean => node.op === 'input' || node.op === 'constant';

/** A view of other values takes no memory of its own. */
const owner = (value: Value): Value => (value.node.op === 'reshape' ? owner(value.node.inputs[0]!) : value);

/** Bytes of the forward pass's values that the gradients of all weights read. */
export function savedBytesOf(of: Case): number {
  const config = UNET.parseConfig(of.unet);
  const objective = new DiffusionObjective(
    shapeOnlyNetwork('unet', UNET, config),
    noiseSchedule(of.scheduler),
  );
  const { outputs, weights } = objective.build(shapeOnlyBatch(config, of));
  const wanted = gradients(outputs.loss, [...weights.values()]).filter((value) => value !== undefined);
  const forward = new Set(ancestors([outputs.loss]));
  const saved = new Set(
    ancestors(wanted)
      .filter((node) => !forward.has(node))
      .flatMap((node) => node.inputs.map(owner))
      .filter((value) => forward.has(value.node) && !isLeaf(value)),
  );
  return [...saved].reduce((sum, value) => sum + 4 * numel(value), 0);
}
