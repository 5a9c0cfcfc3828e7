/** What the UNet of a single file predicts: stated, marked, or guessed as other programs do. */
import type { LazyTensor, TensorFile } from '../../formats/index.js';
import { toFloat32 } from '../../tensor/index.js';
import type { JsonObject } from '../config.js';
import { type Family, type PredictionType, UNET_PREFIX } from './families.js';
import { statedPrediction } from './header.js';

export interface Prediction {
  readonly type: PredictionType;
  /** scheduler_config.json */
  readonly scheduler: JsonObject;
  /** What was guessed, for the user: sentences. */
  readonly conclusions: readonly string[];
}

/** Of the last attention's first norm: beyond it Stable Diffusion 2 predicts velocities, as ComfyUI tells them apart. */
const TELLING_BIAS = `${UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias`;
const TELLING_DEVIATION = 0.09;
/** Steps that the training of Stable Diffusion 2's 512-pixel model took, as diffusers tells it from the other. */
const STEPS_OF_SD2_BASE = '875000';

/**
 * What the UNet predicts and the scheduler that goes with it, by what is asked for, or else by the configurations in
 * `stated`, ModelSpec's metadata, ComfyUI's marker tensors `v_pred` and `ztsnr`, and, for Stable Diffusion 2, a guess.
 */
export async function predictionOf(
  file: TensorFile,
  tensors: ReadonlyMap<string, LazyTensor>,
  family: Family,
  stated: JsonObject | undefined,
  asked: PredictionType | undefined,
): Promise<Prediction> {
  if (stated) {
    const own = stated.prediction_type === 'v_prediction' ? 'v_prediction' : 'epsilon';
    const scheduler = asked ? { ...stated, prediction_type: asked } : stated;
    return { type: asked ?? own, scheduler, conclusions: [] };
  }
  const certain =
    asked ?? statedPrediction(file.metadata) ?? (tensors.has('v_pred') ? 'v_prediction' : undefined);
  const guessed = certain === undefined && family.name === 'sd2';
  const type = certain ?? (guessed ? await guessOfSd2(file, tensors) : 'epsilon');
  const { scheduler } = family.by[type];
  // Zero signal at the last timestep asks for starting there (Lin et al. 2023, section 3.3).
  const zero = tensors.has('ztsnr') && { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' };
  const conclusions = guessed
    ? [`the file does not say what its UNet predicts; taken to be ${type}, otherwise give --prediction-type`]
    : [];
  return { type, scheduler: { ...scheduler, ...zero }, conclusions };
}

async function guessOfSd2(
  file: TensorFile,
  tensors: ReadonlyMap<string, LazyTensor>,
): Promise<PredictionType> {
  if (file.metadata.global_step === STEPS_OF_SD2_BASE) return 'epsilon';
  const bias = tensors.get(TELLING_BIAS);
  return bias && (await deviation(bias)) > TELLING_DEVIATION ? 'v_prediction' : 'epsilon';
}

/** Standard deviation of all values. */
async function deviation(tensor: LazyTensor): Promise<number> {
  const values = toFloat32(await tensor.load());
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
