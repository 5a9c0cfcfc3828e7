/** Arithmetic of a graph: multiplications and additions of its convolutions and matrix products. */
import { noiseSchedule } from '../src/diffusion/index.js';
import { type Graph, graphOf, type Node, numel } from '../src/graph/index.js';
import { UNET } from '../src/models/index.js';
import { DiffusionObjective } from '../src/train/diffusion-objective.js';
import { shapeOnlyBatch, shapeOnlyNetwork } from '../src/train/memory/shape-only.js';
import type { Case } from './sizes.js';

/** Two for each multiply-add; what runs elementwise is left out. */
export function flopsOf(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + 2 * multiplyAdds(node), 0);
}

/** Of the UNet's forward pass. */
export function forwardFlopsOf(of: Case): number {
  const config = UNET.parseConfig(of.unet);
  const objective = new DiffusionObjective(
    shapeOnlyNetwork('unet', UNET, config),
    noiseSchedule(of.scheduler),
  );
  const { outputs } = objective.build(shapeOnlyBatch(config, of));
  return flopsOf(graphOf({ loss: outputs.loss }));
}

function multiplyAdds({ op, inputs, outputs, attributes }: Node): number {
  const result = numel(outputs[0] ?? { dtype: 'float32', shape: [0] });
  const [a, b] = inputs;
  switch (op) {
    case 'conv2d':
      return (result * numel(b!)) / b!.shape[0]!;
    case 'gemm':
      return result * a!.shape[(attributes as { transposeA: boolean }).transposeA ? 0 : 1]!;
    case 'matmul':
      return result * a!.shape.at(-1)!;
    // Scores of all queries and keys, and as many sums of values.
    case 'attention':
      return numel(a!) * b!.shape[2]! + result * b!.shape[2]!;
    default:
      return 0;
  }
}
