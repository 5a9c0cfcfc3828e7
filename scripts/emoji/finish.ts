/**
 * Puts the trained emoji model and the record of its training into `models/emoji`:
 * `tsx scripts/emoji/finish.ts <diffusion run> <autoencoder run>`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contactSheet, writeFileAtomic, writePng } from '../../src/formats/index.js';
import { generate } from '../../src/generate/index.js';
import { StableDiffusion, saveStableDiffusion } from '../../src/models/index.js';
import { lossChart } from '../../src/report/chart.js';
import type { CurvePoint } from '../../src/report/index.js';
import { STYLE } from '../../src/report/style.js';
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
  const svg = String(lossChart(points)).replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ');
  await writeFileAtomic(
    join(target, 'training', `${name}.svg`),
    svg.replace('>', `><style>${STYLE}</style>`),
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
