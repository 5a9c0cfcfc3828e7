/** LoRA and DoRA layer by layer, as other programs' files have them: to adapters, and from them. */
import { InputError } from '../../errors.js';
import { asFloat32, type Weight } from '../../nn/index.js';
import { type Tensor, tensor } from '../../tensor/index.js';
import type { Adapter, AdapterBase, AdapterDType } from '../adapter/adapter.js';
import { packParameters } from '../adapter/parameters.js';
import { A, ALPHA, B, factorProduct, storedFactors } from '../lora/factors.js';
import { MAGNITUDE, rowNorms } from './change.js';

export interface ModuleFactors {
  /** The path of the layer. */
  readonly module: string;
  /** [r, in] or [r, in, kh, kw] */
  readonly a: Tensor<'float32'>;
  /** [out, r] or [out, r, 1, 1] */
  readonly b: Tensor<'float32'>;
  readonly alpha: number;
  /** DoRA: m, as PEFT has it, which divides by ‖W₀ + ΔW‖: [out] or [1, out, 1, 1]. */
  readonly magnitude?: Tensor<'float32'> | undefined;
  /** DoRA: m as ComfyUI has it, which divides by ‖W₀‖: [out, 1] or [out, 1, 1, 1]. */
  readonly doraScale?: Tensor<'float32'> | undefined;
  /** W₀ */
  readonly weight: Weight;
}

/** An adapter of such layers. Throws InputError where only some have magnitudes, or one does not fit its weight. */
export function adapterOfFactors(
  modules: readonly ModuleFactors[],
  info: {
    base: AdapterBase;
    prefix: string;
    settings: Adapter['settings'];
    dtype?: AdapterDType | undefined;
  },
): Adapter {
  const { dtype, ...rest } = info;
  const parameters = new Map<string, Tensor<'float32'>>();
  const constants = new Map<string, number>();
  let magnitudes = 0;
  for (const factors of modules) {
    const { module, a, b, alpha, weight } = factors;
    parameters.set(module + A, a);
    parameters.set(module + B, b);
    constants.set(module + ALPHA, alpha);
    const magnitude = factors.magnitude ?? fromDoraScale(factors);
    if (!magnitude) continue;
    const rows = weight.shape[0]!;
    parameters.set(
      module + MAGNITUDE,
      tensor(weight.shape.length === 4 ? [1, rows, 1, 1] : [rows], magnitude.data),
    );
    magnitudes++;
  }
  if (modules.length === 0 || (magnitudes > 0 && magnitudes < modules.length)) {
    throw new InputError(
      `expected layers that are all LoRA or all DoRA, got ${modules.length}, of which ${magnitudes} have magnitudes; take another version of the file`,
    );
  }
  const method = magnitudes > 0 ? 'dora' : 'lora';
  const adapter: Adapter = {
    method,
    ...rest,
    scale: 1,
    tensors: packParameters(parameters, constants, dtype),
  };
  for (const { module, weight } of modules) storedFactors(adapter, `${module}.weight`, weight.shape);
  return adapter;
}

/** The layers of an adapter, given the weights that it was made from. */
export function factorsOfLayer(
  adapter: Adapter,
  module: string,
  weight: Tensor<'float32'>,
): ModuleFactors | undefined {
  const stored = storedFactors(adapter, `${module}.weight`, weight.shape);
  if (!stored) return undefined;
  const { a, b, factor } = stored;
  const plain = { module, a, b, alpha: factor * a.shape[0]!, weight };
  const magnitude = adapter.tensors.get(module + MAGNITUDE) as Tensor<'float32'> | undefined;
  if (!magnitude) return plain;
  const ratios = normRatios(plain);
  const shape = [weight.shape[0]!, ...weight.shape.slice(1).map(() => 1)];
  const doraScale = tensor(
    shape,
    magnitude.data.map((value, row) => value * ratios[row]!),
  );
  return { ...plain, magnitude, doraScale };
}

/** m = dora_scale · ‖W₀ + ΔW‖ / ‖W₀‖ */
function fromDoraScale(factors: ModuleFactors): Tensor<'float32'> | undefined {
  const { doraScale, module, weight } = factors;
  if (!doraScale) return undefined;
  const rows = weight.shape[0]!;
  if (doraScale.shape[0] !== rows || doraScale.data.length !== rows) {
    throw new InputError(
      `the dora_scale of "${module}" is [${doraScale.shape}], expected one for each of ${rows} rows; those of columns are not read, so merge the file into a model elsewhere`,
    );
  }
  const ratios = normRatios(factors);
  return tensor(
    [rows],
    doraScale.data.map((value, row) => value / ratios[row]!),
  );
}

/** ‖W₀‖ / ‖W₀ + ΔW‖ of each row. */
function normRatios({ a, b, alpha, weight }: ModuleFactors): Float32Array {
  const { data, shape } = asFloat32(weight);
  const change = factorProduct({ a, b, factor: alpha / a.shape[0]! });
  const before = rowNorms(data, shape[0]!);
  const after = rowNorms(
    change.map((value, i) => data[i]! + value),
    shape[0]!,
  );
  return before.map((norm, row) => norm / after[row]!);
}
