/** The metric of whether generated pictures show what their captions name: T2I-CompBench's B-VQA. */
import { basename, resolve } from 'node:path';
import { readImage } from '../formats/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import { BvqaScorer, product } from './bvqa.js';
import { allowedMeasures, measurement } from './measures.js';
import type { Metric } from './metric.js';

/**
 * The mean score of the pictures, with the number of questions that were asked; it names its BLIP, since it depends on it.
 * Throws InputError as `BvqaScorer.load` does.
 */
export async function bvqaMetric(folder: string, runtime: RuntimeOptions = {}): Promise<Metric> {
  const scorer = await BvqaScorer.load(folder, runtime);
  return {
    pictures: ({ generated }) => generated.length,
    async measure(sets, onPicture) {
      allowedMeasures('blip', sets);
      let sum = 0;
      let questions = 0;
      for (const { path, caption } of sets.generated) {
        const answers = await scorer.answers(await readImage(path), caption);
        sum += product(answers.map(({ yes }) => yes));
        questions += answers.length;
        onPicture();
      }
      const generated = sets.generated.length;
      return [measurement('B-VQA', sum / generated, { generated, questions }, basename(resolve(folder)))];
    },
    dispose: () => scorer.dispose(),
  };
}
