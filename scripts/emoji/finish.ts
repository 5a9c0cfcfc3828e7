/**
 * Puts the trained emoji model and the record of its training into `models/emoji`:
 * `tsx scripts/emoji/finish.ts <diffusion run> <autoencoder run>`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contactSheet, writeFileAtomic, writePng } from '../../src/formats/index.js';
import { generate } from '../../src/generate/index.js';
import { StableDiffusion, saveStableDiffusion } from '../../src/models/index.js';
import { type CurvePoint, lossChart, standaloneSvg } from '../../src/report/index.js';
import { conceptCaptions } from './pictures.js';

const [diffusion, autoencoder] = process.argv.slice(2) as [string, string];
const target = 'models/emoji';
/** Concepts drawn for the model card, of those that the model was shown most. */
const SHOWN = 60;

const sd = await StableDiffusion.load(join(diffusion, 'model'));
await saveStableDiffusion(target, sd, { dtype: 'float16' });

for (const [name, folder] of [
  ['diffusion', diffusion],
  ['autoencoder', autoencoder],
] as const) {
  const log = await readFile(join(folder, 'metrics.jsonl'), 'utf8');
  await writeFileAtomic(join(target, 'training', `${name}.jsonl`), log);
  const points = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Partial<CurvePoint>)
    .filter((point): point is CurvePoint => point.loss !== undefined);
  const title = `Training loss of the ${name === 'diffusion' ? 'diffusion model' : name}`;
  await writeFileAtomic(
    join(target, 'training', `${name}.svg`),
    standaloneSvg(lossChart(points)!, { title }),
  );
}

const captions = (await conceptCaptions()).slice(0, SHOWN);
for (const style of ['noto', 'twemoji']) {
  const prompt = captions.map((caption) => `${caption}, ${style} style`);
  const images = await generate(sd, { prompt, steps: 20, guidance: 3, seed: 1, batchSize: 12 });
  await writePng(
    join(target, 'samples', `${style}.png`),
    contactSheet(images, { columns: 12, scale: 1, labels: captions }),
  );
}
await sd.dispose();
