/** Which runner computes which kind of golden case, by the end of its path; and why some kinds have none yet. */

import { runAdaptFormerCase, runFactorsCase } from './additions.js';
import { runExponentialFitCase, runMatrixCase } from './analysis.js';
import { runBlipCaptionCase, runBvqaCase } from './blip.js';
import type { Check } from './check.js';
import { runFullCase, runLargestCase, runRandomCase } from './chosen-entries.js';
import { runClipCase, runClipScoreCase } from './clip.js';
import { runDiffPruningCase } from './diffpruning.js';
import { runDreamBoothCase } from './dreambooth.js';
import { runFishMaskCase } from './fishmask.js';
import { runInceptionCase } from './inception.js';
import { runLtSftCase } from './lt-sft.js';
import { runFidCase, runVlhiCase } from './metrics.js';
import { runNounPhrasesCase } from './noun-phrases.js';
import { runPipelineCase } from './pipeline.js';
import { runSaraBaseCase, runSaraCommonCase } from './sara.js';
import { runSaraOfficialCase } from './sara-official.js';
import { runSaraScaleMergeCase } from './sara-scale-merge.js';
import { runSaraStepsCase } from './sara-steps.js';
import { runSchedulerCase } from './schedulers.js';
import { runTextCase } from './text.js';
import { runTextEncoderCase, runTextualInversionCase } from './textual-inversion.js';
import { runTokenizerCase } from './tokenizer.js';
import { runTrainingAdamWCase, runTrainingStepCase } from './training.js';
import { runUnetCase } from './unet.js';
import { runVaeCase } from './vae.js';

export type Runner = (folder: string) => Promise<Check[]>;

/** The first pattern that fits decides: a runner, or the reason why the case is skipped. */
const KINDS: readonly (readonly [pattern: RegExp, outcome: Runner | string])[] = [
  [/unet\/(sd15|sd2|sdxl)$/, (folder) => runUnetCase(folder)],
  [/unet\/animatediff-[^/]+$/, 'motion modules are not built yet'],
  [/vae\/[^/]+$/, runVaeCase],
  [/text\/(clip|openclip)-[^/]+$/, runTextCase],
  [/text\/t5$/, 'the T5 encoder is not built yet'],
  [/tokenizer\/clip$/, runTokenizerCase],
  [/tokenizer\/t5$/, "T5's tokenizer is not built yet"],
  [/schedulers\/[^/]*flow-match[^/]*$/, 'flow matching is not built yet'],
  [/schedulers\/[^/]+$/, runSchedulerCase],
  [/pipeline\/(sd15|sd2-v|sdxl)$/, runPipelineCase],
  [/pipeline\/[^/]+$/, 'pipelines beyond Stable Diffusion 1, 2 and XL are not built yet'],
  [/training\/(sd15|sd2-v|sdxl)-step$/, runTrainingStepCase],
  [/training\/sd15-adamw$/, runTrainingAdamWCase],
  [/training\/[^/]+$/, 'training beyond Stable Diffusion 1, 2 and XL is not built yet'],
  [/sara\/base$/, runSaraBaseCase],
  [/sara\/steps\/common$/, runSaraCommonCase],
  [/sara\/steps\/[^/]+$/, runSaraStepsCase],
  [/sara\/scale-merge$/, runSaraScaleMergeCase],
  [/sara\/official-pt$/, runSaraOfficialCase],
  [/transformer\/[^/]+$/, 'the transformer of Stable Diffusion 3 is not built yet'],
  [/clip\/full$/, runClipCase],
  [/metrics\/clip-score$/, runClipScoreCase],
  [/peft\/text-encoder$/, runTextEncoderCase],
  [/peft\/textual-inversion$/, runTextualInversionCase],
  [/peft\/dreambooth$/, runDreamBoothCase],
  [/peft\/lora\/[^/]+$/, (folder) => runFactorsCase(folder, 'lora')],
  [/peft\/dora\/[^/]+$/, (folder) => runFactorsCase(folder, 'dora')],
  [/peft\/adaptformer$/, runAdaptFormerCase],
  [/metrics\/bvqa$/, runBvqaCase],
  [/metrics\/blip-caption$/, runBlipCaptionCase],
  [/metrics\/noun-phrases$/, runNounPhrasesCase],
  [/peft\/full$/, runFullCase],
  [/peft\/largest$/, runLargestCase],
  [/peft\/random$/, runRandomCase],
  [/peft\/lt-sft$/, runLtSftCase],
  [/peft\/fishmask$/, runFishMaskCase],
  [/peft\/diffpruning\/[^/]+$/, runDiffPruningCase],
  [/peft\/.+$/, 'the methods to compare with are not built yet'],
  [/metrics\/fid\/[^/]+$/, runFidCase],
  [/metrics\/inception$/, runInceptionCase],
  [/metrics\/vlhi$/, runVlhiCase],
  [/metrics\/.+$/, 'metrics are not built yet'],
  [/analysis\/exponential-fit$/, runExponentialFitCase],
  [/analysis\/\d+x\d+$/, runMatrixCase],
];

/** The runner of a case, or why it is skipped. */
export function outcomeOf(path: string): Runner | string {
  const found = KINDS.find(([pattern]) => new RegExp(`(^|/)${pattern.source}`).test(path));
  return found?.[1] ?? 'no runner knows this kind';
}
